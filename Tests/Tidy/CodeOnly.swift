// SPDX-License-Identifier: Apache-2.0

/// `source` with comments and the contents of string literals replaced by blanks, byte for byte,
/// so that offsets and lines stay what they were. Code inside `\( )` of a literal stays.
///
/// Regex literals are not known: a quote inside one would be taken for a string's start.
func codeOnly(_ source: [UInt8]) -> [UInt8] {
    source.withUnsafeBufferPointer { source in
        var reader = CodeReader(
            source: source,
            output: source.map { $0 == CodeReader.lineBreak ? CodeReader.lineBreak : 0x20 })
        reader.run()
        return reader.output
    }
}

/// One pass over a Swift file.
private struct CodeReader {
    static let lineBreak: UInt8 = 0x0A
    static let quote = UInt8(ascii: "\"")
    static let backslash = UInt8(ascii: "\\")
    static let hash = UInt8(ascii: "#")
    static let slash = UInt8(ascii: "/")
    static let star = UInt8(ascii: "*")
    static let open = UInt8(ascii: "(")
    static let close = UInt8(ascii: ")")

    let source: UnsafeBufferPointer<UInt8>
    var output: [UInt8]
    var offset = 0
    /// The literals that the reader is inside of, through interpolations; the last is innermost.
    var literals: [Literal] = []

    /// A string literal that has been opened.
    struct Literal {
        /// The number of `#` around it.
        var hashes: Int
        /// Whether it is delimited by three quotes.
        var isMultiline: Bool
        /// Parentheses open inside its interpolation; nil outside of one.
        var parentheses: Int?
    }

    /// The byte `distance` ahead, 0 past the end.
    func peek(_ distance: Int = 0) -> UInt8 {
        offset + distance < source.count ? source[offset + distance] : 0
    }

    /// Copies `count` bytes of code.
    mutating func keep(_ count: Int = 1) {
        for _ in 0..<count where offset < source.count {
            output[offset] = source[offset]
            offset += 1
        }
    }

    mutating func run() {
        while offset < source.count {
            if let literal = literals.last, literal.parentheses == nil {
                readLiteral(literal)
            } else {
                readCode()
            }
        }
    }

    /// Reads one piece of code, or one whole comment, or the start of a literal.
    private mutating func readCode() {
        switch peek() {
        case Self.slash where peek(1) == Self.slash:
            while offset < source.count, peek() != Self.lineBreak { offset += 1 }
        case Self.slash where peek(1) == Self.star:
            skipBlockComment()
        case Self.quote:
            openLiteral(hashes: 0)
        case Self.hash:
            var hashes = 0
            while peek(hashes) == Self.hash { hashes += 1 }
            if peek(hashes) == Self.quote {
                keep(hashes)
                openLiteral(hashes: hashes)
            } else {
                keep(hashes)
            }
        case Self.open where !literals.isEmpty:
            literals[literals.count - 1].parentheses? += 1
            keep()
        case Self.close where !literals.isEmpty:
            let depth = (literals[literals.count - 1].parentheses ?? 0) - 1
            literals[literals.count - 1].parentheses = depth == 0 ? nil : depth
            keep()
        default:
            keep()
        }
    }

    private mutating func skipBlockComment() {
        var depth = 0
        repeat {
            if peek() == Self.slash, peek(1) == Self.star {
                depth += 1
                offset += 2
            } else if peek() == Self.star, peek(1) == Self.slash {
                depth -= 1
                offset += 2
            } else {
                offset += 1
            }
        } while depth > 0 && offset < source.count
    }

    private mutating func openLiteral(hashes: Int) {
        let isMultiline = peek(1) == Self.quote && peek(2) == Self.quote
        keep(isMultiline ? 3 : 1)
        literals.append(Literal(hashes: hashes, isMultiline: isMultiline))
    }

    /// Reads one escape, one character, or the end of `literal`.
    private mutating func readLiteral(_ literal: Literal) {
        let delimited = { (reader: CodeReader, from: Int) in
            (0..<literal.hashes).allSatisfy { reader.peek(from + $0) == Self.hash }
        }
        let byte = peek()
        if byte == Self.backslash, delimited(self, 1) {
            if peek(1 + literal.hashes) == Self.open {
                literals[literals.count - 1].parentheses = 1
                offset += 1 + literal.hashes
                keep()
            } else {
                offset += 2 + literal.hashes
            }
        } else if byte == Self.quote, !literal.isMultiline, delimited(self, 1) {
            keep(1 + literal.hashes)
            literals.removeLast()
        } else if byte == Self.quote, literal.isMultiline, peek(1) == Self.quote,
            peek(2) == Self.quote, delimited(self, 3)
        {
            keep(3 + literal.hashes)
            literals.removeLast()
        } else if byte == Self.lineBreak, !literal.isMultiline {
            // An unterminated literal does not compile; losing the rest of the file helps nobody.
            literals.removeLast()
        } else {
            offset += 1
        }
    }
}
