// SPDX-License-Identifier: Apache-2.0

/// Finds the second of two equal keys in the text of a document.
enum DuplicateKey {
    /// Where it was found, and the text with that key made unique.
    struct Found {
        /// The line of the second key, from 1.
        var line: Int
        /// The column of the second key, from 1.
        var column: Int
        /// The text in which it is renamed.
        var text: String
        /// What it is called there.
        var placeholder: String
    }

    /// The key that repeats `key` of `firstAt` (line and column from 1), or nil when it cannot
    /// be found. The new name is as long as the old, so that no position moves.
    static func rename(
        _ key: String, firstAt: (line: Int, column: Int), in text: String, number: Int
    ) -> Found? {
        let name = Array(key.unicodeScalars)
        guard !name.isEmpty else { return nil }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
            Array($0.unicodeScalars)
        }
        guard firstAt.line <= lines.count else { return nil }
        let lead = lines[firstAt.line - 1].prefix(firstAt.column - 1)
        let isBlock = lead.allSatisfy { $0 == " " || $0 == "-" || $0 == "?" }
        let second =
            isBlock
            ? inBlock(name, firstAt: firstAt, lines) : inFlow(name, firstAt: firstAt, lines)
        guard let second else { return nil }
        // Private use characters are allowed in YAML, and nobody writes them in a key.
        guard let mark = Unicode.Scalar(0xE100 + UInt32(number)) else { return nil }
        var fresh = [Unicode.Scalar](repeating: "\u{E000}", count: name.count)
        fresh[0] = mark
        let quote = isQuote(lines[second.line][second.column]) ? 1 : 0
        let from = second.column + quote
        lines[second.line].replaceSubrange(from..<from + name.count, with: fresh)
        return Found(
            line: second.line + 1, column: second.column + 1,
            text: lines.map { string($0) }.joined(separator: "\n"), placeholder: string(fresh))
    }

    private typealias Lines = [[Unicode.Scalar]]

    /// The next line that starts with the key in the same column.
    private static func inBlock(
        _ name: [Unicode.Scalar], firstAt: (line: Int, column: Int), _ lines: Lines
    ) -> (line: Int, column: Int)? {
        for index in lines.indices.dropFirst(firstAt.line) {
            let line = lines[index]
            guard let start = line.firstIndex(where: { $0 != " " }) else { continue }
            if line[start] == "#" || line[start] == "\r" { continue }
            if start < firstAt.column - 1 { return nil }
            if start == firstAt.column - 1, isKey(name, line, start) { return (index, start) }
        }
        return nil
    }

    /// The next occurrence as a key on the same level of braces.
    private static func inFlow(
        _ name: [Unicode.Scalar], firstAt: (line: Int, column: Int), _ lines: Lines
    ) -> (line: Int, column: Int)? {
        var depth = 0
        var mayStart = false
        var quote: Unicode.Scalar?
        let first = firstAt.column - 1
        guard first < lines[firstAt.line - 1].count else { return nil }
        var from = first + name.count + (isQuote(lines[firstAt.line - 1][first]) ? 2 : 0)
        for index in lines.indices.dropFirst(firstAt.line - 1) {
            let line = lines[index]
            for column in line.indices.dropFirst(from) {
                let scalar = line[column]
                if mayStart, depth == 0, isKey(name, line, column) { return (index, column) }
                if let open = quote {
                    if scalar == open { quote = nil }
                } else if isQuote(scalar) {
                    quote = scalar
                } else if scalar == "{" || scalar == "[" {
                    depth += 1
                } else if scalar == "}" || scalar == "]" {
                    depth -= 1
                    if depth < 0 { return nil }
                }
                if scalar != " " { mayStart = scalar == "," && quote == nil }
            }
            from = 0
        }
        return nil
    }

    /// Whether `name` stands at `start`, in quotes or not, with a colon behind it.
    private static func isKey(
        _ name: [Unicode.Scalar], _ line: [Unicode.Scalar], _ start: Int
    ) -> Bool {
        let quote = isQuote(line[start]) ? 1 : 0
        let rest = line[start...].dropFirst(quote)
        guard rest.starts(with: name) else { return false }
        let tail = rest.dropFirst(name.count + quote)
        return tail.first { $0 != " " } == ":"
    }

    private static func isQuote(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "\"" || scalar == "'"
    }

    private static func string(_ scalars: [Unicode.Scalar]) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
    }
}
