// SPDX-License-Identifier: Apache-2.0

/// Declarations of `Sources/` that other targets see and that no doc comment stands above.
///
/// Seen by others are: what is `package` or `public`, the cases of such an enum and the
/// requirements of such a protocol. What a well-known protocol asks for is documented there.
func undocumented(in files: [SourceFile]) -> [Finding] {
    files.filter { $0.room != nil && $0.isSwift }.flatMap { file -> [Finding] in
        var reader = DeclarationReader()
        return file.lineRanges.indices.compactMap { index in
            let line = file.codeLine(index)
            guard !line.isEmpty, let name = reader.declaration(on: line),
                !isDocumented(file, at: index)
            else { return nil }
            let message = "`\(name)` is seen by other targets: say in a `///` above it what it is"
            return Finding(path: file.path, line: index + 1, message: message)
        }
    }
}

/// Whether a doc comment stands directly above line `index`, attributes left out. Enum cases on
/// adjacent lines share the comment above the first of them.
private func isDocumented(_ file: SourceFile, at index: Int) -> Bool {
    let isCase = file.codeLine(index).hasPrefix("case ")
    var above = index - 1
    while above >= 0 {
        let line = file.line(above).drop { $0 == " " }
        if line.hasPrefix("///") || line.hasSuffix("*/") { return true }
        let isSkipped =
            line.hasPrefix("@") || line.hasPrefix("#if")
            || isCase && (line.hasPrefix("case ") || line.hasPrefix("//"))
        guard isSkipped else { return false }
        above -= 1
    }
    return false
}

/// Finds, line after line of one file's code, the declarations that others see.
private struct DeclarationReader {
    /// What the braces that are open were opened by; the last is innermost.
    private var scopes: [Scope] = []
    /// What the next opening brace is opened by.
    private var pending = Scope.other

    private enum Scope {
        /// An enum that others see: so are its cases.
        case seenEnum
        /// A protocol that others see: so are its requirements.
        case seenProtocol
        /// Anything else.
        case other
    }

    private static let modifiers: Set<Substring> = [
        "static", "final", "indirect", "mutating", "nonmutating", "consuming", "borrowing",
        "override", "required", "convenience", "nonisolated", "lazy", "weak", "unowned", "class",
        "prefix", "postfix", "infix", "unsafe",
    ]
    private static let keywords: Set<Substring> = [
        "func", "var", "let", "init", "subscript", "struct", "class", "enum", "actor", "protocol",
        "typealias", "case", "associatedtype", "macro",
    ]
    /// Names whose meaning a protocol of the standard library gives.
    private static let known: Set<Substring> = [
        "description", "debugDescription", "customMirror", "==", "<", "hash", "encode",
        "makeIterator", "rawValue",
    ]

    /// The name of what `line` declares when others see it and it needs a comment, else nil.
    mutating func declaration(on line: String) -> String? {
        let scope = scopes.last ?? .other
        var words = line.split(whereSeparator: { $0 == " " })[...]
        while let word = words.first, word.hasPrefix("@") { words.removeFirst() }
        var isSeen = false
        while let word = words.first {
            if word == "package" || word == "public" {
                isSeen = true
            } else if word == "class", let next = words.dropFirst().first,
                !Self.keywords.contains(next)
            {
                break
            } else if !Self.modifiers.contains(word), !word.hasSuffix("(set)"),
                !word.hasPrefix("nonisolated(")
            {
                break
            }
            words.removeFirst()
        }
        let keyword = words.first.map { $0.prefix { $0.isLetter } } ?? ""
        defer { follow(line) }
        guard Self.keywords.contains(keyword) else { return nil }
        if isSeen, keyword == "enum" { pending = .seenEnum }
        if isSeen, keyword == "protocol" { pending = .seenProtocol }
        if keyword == "case" {
            isSeen = scope == .seenEnum
        } else if scope == .seenProtocol {
            isSeen = true
        }
        guard isSeen else { return nil }
        let rest = words.count > 1 ? words[words.startIndex + 1] : ""
        let name = rest.prefix { $0.isLetter || $0.isNumber || "_=<+-*".contains($0) }
        let isKnownInit = line.contains("init(from decoder") || line.contains("init(rawValue")
        if Self.known.contains(name) || isKnownInit { return nil }
        return keyword == "init" || keyword == "subscript" ? String(keyword) : String(name)
    }

    /// Opens and closes the scopes of `line`.
    private mutating func follow(_ line: String) {
        for byte in line.utf8 {
            if byte == UInt8(ascii: "{") {
                scopes.append(pending)
                pending = .other
            } else if byte == UInt8(ascii: "}") {
                _ = scopes.popLast()
            }
        }
    }
}
