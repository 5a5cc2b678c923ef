// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Cuts the text of an expression into tokens.
///
/// **Source** the language definition of cel-spec, section "Syntax".
struct Lexer {
    let bytes: [UInt8]
    var index = 0
    private var tokens: [Token] = []

    /// Words that are no names.
    private static let reserved: Set<String> = [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let",
        "loop", "package", "namespace", "return", "var", "void", "while",
    ]

    /// All tokens of `text`; the last is `.end`.
    static func tokens(of text: [UInt8]) throws(Fault) -> [Token] {
        var lexer = Lexer(bytes: text)
        try lexer.run()
        return lexer.tokens
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// The byte `ahead` places on, or 0 behind the end.
    func peek(_ ahead: Int = 0) -> UInt8 {
        index + ahead < bytes.count ? bytes[index + ahead] : 0
    }

    private mutating func run() throws(Fault) {
        skipBlanks()
        while index < bytes.count {
            let offset = index
            tokens.append(Token(kind: try next(), offset: offset))
            skipBlanks()
        }
        tokens.append(Token(kind: .end, offset: bytes.count))
    }

    private mutating func skipBlanks() {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x09, 0x0A, 0x0C, 0x0D: index += 1
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"):
                while index < bytes.count, bytes[index] != 0x0A { index += 1 }
            default: return
            }
        }
    }

    private mutating func next() throws(Fault) -> Token.Kind {
        let byte = peek()
        if let literal = try stringLiteral() { return literal }
        if Self.isLetter(byte) { return word() }
        if ASCII.isDigit(byte) || byte == UInt8(ascii: ".") && ASCII.isDigit(peek(1)) {
            return try number()
        }
        if byte == UInt8(ascii: "`") { return try quotedName() }
        for symbol in Token.Symbol.allCases {
            let text = symbol.rawValue.utf8
            guard text.first == byte, bytes[index...].starts(with: text) else { continue }
            index += text.count
            return .symbol(symbol)
        }
        throw Fault(
            at: index, "a character that means nothing here",
            "remove it, or put it into a string")
    }

    static func isLetter(_ byte: UInt8) -> Bool {
        ASCII.lowercased(byte) &- UInt8(ascii: "a") < 26 || byte == UInt8(ascii: "_")
    }

    private mutating func word() -> Token.Kind {
        let begin = index
        while Self.isLetter(peek()) || ASCII.isDigit(peek()) { index += 1 }
        let text = String(decoding: bytes[begin..<index], as: UTF8.self)
        switch text {
        case "true": return .yes
        case "false": return .no
        case "null": return .null
        case "in": return .symbol(.in)
        default: return Self.reserved.contains(text) ? .reserved(text) : .identifier(text)
        }
    }

    private mutating func quotedName() throws(Fault) -> Token.Kind {
        let begin = index
        index += 1
        let allowed = Array("_.-/ ".utf8)
        while index < bytes.count, peek() != UInt8(ascii: "`") {
            guard Self.isLetter(peek()) || ASCII.isDigit(peek()) || allowed.contains(peek()) else {
                throw Fault(
                    at: index, "a quoted name holds letters, digits, `_`, `.`, `-`, `/` and blanks",
                    "use an index for other keys, as in `map['key']`")
            }
            index += 1
        }
        guard index < bytes.count, index > begin + 1 else {
            throw Fault(
                at: begin, "a quoted name is empty or not closed", "close it with a backquote")
        }
        index += 1
        return .quoted(String(decoding: bytes[begin + 1..<index - 1], as: UTF8.self))
    }

    private mutating func number() throws(Fault) -> Token.Kind {
        let begin = index
        if peek() == UInt8(ascii: "0"), ASCII.lowercased(peek(1)) == UInt8(ascii: "x") {
            index += 2
            while ASCII.hexValue(peek()) != nil { index += 1 }
            return try whole(begin: begin + 2, radix: 16, offset: begin)
        }
        while ASCII.isDigit(peek()) { index += 1 }
        var isWhole = true
        if peek() == UInt8(ascii: "."), ASCII.isDigit(peek(1)) {
            isWhole = false
            index += 1
            while ASCII.isDigit(peek()) { index += 1 }
        }
        if ASCII.lowercased(peek()) == UInt8(ascii: "e") {
            let sign = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-") ? 1 : 0
            if ASCII.isDigit(peek(1 + sign)) {
                isWhole = false
                index += 1 + sign
                while ASCII.isDigit(peek()) { index += 1 }
            }
        }
        if isWhole { return try whole(begin: begin, radix: 10, offset: begin) }
        let text = String(decoding: bytes[begin..<index], as: UTF8.self)
        guard let value = Double(text) else {
            throw Fault(at: begin, "`\(text)` is no number", "write it as in `1.5` or `2e10`")
        }
        return .double(value)
    }

    /// The whole number from `begin` on, and the suffix `u` if there is one.
    private mutating func whole(begin: Int, radix: Int, offset: Int) throws(Fault) -> Token.Kind {
        let text = String(decoding: bytes[begin..<index], as: UTF8.self)
        let isUnsigned = ASCII.lowercased(peek()) == UInt8(ascii: "u")
        if isUnsigned { index += 1 }
        guard let value = UInt64(text, radix: radix), isUnsigned || value <= 1 << 63 else {
            throw Fault(
                at: offset, "the number `\(text)` does not fit into 64 bits",
                "write a smaller number, or a double such as `1e20`")
        }
        return isUnsigned ? .uint(value) : .int(value)
    }
}
