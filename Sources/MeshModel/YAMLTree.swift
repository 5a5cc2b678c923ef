// SPDX-License-Identifier: Apache-2.0

/// One YAML value with the position it was written at: what the parser library found, copied
/// out, so that nothing else in this target knows the library.
///
/// Scalars keep their text. What it means (a number, a boolean, a string) is decided by the
/// shape that is expected there, after the core schema of YAML 1.2: `no`, `on` and `yes` are
/// plain strings and never booleans.
package struct YAMLTree: Hashable, Sendable {
    /// The line of its first character, from 1.
    package var line: Int
    /// The column of its first character, from 1.
    package var column: Int
    /// What was written.
    package var content: Content
    /// How a scalar was written.
    package var style = ScalarStyle.plain

    /// What a YAML value is made of.
    package indirect enum Content: Hashable, Sendable {
        /// Nothing, `~` or `null`.
        case null
        /// Text; `isQuoted` when quotes or a block style make it a string whatever it says.
        case scalar(String, isQuoted: Bool)
        /// A sequence.
        case list([YAMLTree])
        /// A mapping, in the order it was written.
        case map([Entry])
    }

    /// A key of a mapping with its value.
    package struct Entry: Hashable, Sendable {
        /// The key's text.
        package var key: String
        /// The line of the key, from 1.
        package var line: Int
        /// The column of the key, from 1.
        package var column: Int
        /// What stands behind the key.
        package var value: YAMLTree

        /// The entry of the given parts.
        package init(key: String, line: Int, column: Int, value: YAMLTree) {
            self.key = key
            self.line = line
            self.column = column
            self.value = value
        }
    }

    /// A value of the given parts.
    package init(
        line: Int, column: Int, content: Content, style: ScalarStyle = .plain
    ) {
        self.line = line
        self.column = column
        self.content = content
        self.style = style
    }

    /// The entry with `key`, or nil when this is no mapping or has none.
    package func entry(_ key: String) -> Entry? {
        guard case .map(let entries) = content else { return nil }
        return entries.first { $0.key == key }
    }

    /// The value behind `key`, or nil when there is none or it is null.
    package subscript(key: String) -> YAMLTree? {
        guard let value = entry(key)?.value, !value.isNull else { return nil }
        return value
    }

    /// Whether this is null.
    package var isNull: Bool {
        if case .null = content { true } else { false }
    }

    /// The text of a scalar, however it was meant.
    package var text: String? {
        if case .scalar(let text, _) = content { text } else { nil }
    }

    /// The elements of a sequence; none for anything else.
    package var elements: [YAMLTree] {
        if case .list(let elements) = content { elements } else { [] }
    }

    /// What this is, for messages: `a list`, `the number 7`.
    package var kind: String {
        switch content {
        case .null: "nothing"
        case .list: "a list"
        case .map: "a mapping"
        case .scalar(let text, let isQuoted):
            if isQuoted {
                "the string \(quoted(text))"
            } else if CoreSchema.boolean(text) != nil {
                "the boolean `\(text)`"
            } else if CoreSchema.isNumber(text) {
                "the number `\(text)`"
            } else {
                "the string \(quoted(text))"
            }
        }
    }
}

/// `text` in backquotes, on one line and not longer than a message can bear. Of a URL, who may log
/// in with what, and the query, are left out.
package func quoted(_ text: String) -> String {
    var shown = ""
    for (count, character) in discreet(text).enumerated() {
        if count == Limits.quotedCharactersMax { return "`\(shown)…`" }
        shown.append(character.isNewline ? " " : character)
    }
    return "`\(shown)`"
}

private func discreet(_ text: String) -> String {
    guard let scheme = text.firstRange(of: "://") else { return text }
    var rest = text[scheme.upperBound...]
    var end = ""
    if let query = rest.firstIndex(of: "?") {
        rest = rest[...query]
        end = "…"
    }
    if let at = rest.lastIndex(of: "@") { rest = "…" + rest[at...] }
    return text[..<scheme.upperBound] + rest + end
}

/// How plain scalars read after the core schema of YAML 1.2 (section 10.3.2).
enum CoreSchema {
    /// Whether `text`, written plain, is null.
    static func isNull(_ text: String) -> Bool {
        switch text {
        case "", "~", "null", "Null", "NULL": true
        default: false
        }
    }

    /// The boolean that `text`, written plain, is.
    static func boolean(_ text: String) -> Bool? {
        switch text {
        case "true", "True", "TRUE": true
        case "false", "False", "FALSE": false
        default: nil
        }
    }

    /// Whether `text`, written plain, is a number of any notation.
    static func isNumber(_ text: String) -> Bool {
        guard let first = text.utf8.first else { return false }
        switch first {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
            UInt8(ascii: "."):
            break
        default: return false
        }
        if Int(text) != nil { return true }
        if text.hasPrefix("0x") { return Int(text.dropFirst(2), radix: 16) != nil }
        if text.hasPrefix("0o") { return Int(text.dropFirst(2), radix: 8) != nil }
        switch text {
        case ".inf", ".Inf", ".INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN": return true
        default: break
        }
        let allowed = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
                true
            default: false
            }
        }
        return allowed && Double(text) != nil
    }
}
