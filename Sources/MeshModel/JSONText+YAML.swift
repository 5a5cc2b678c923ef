// SPDX-License-Identifier: Apache-2.0

extension JSONText {
    /// The value as YAML in block style, with a line break at the end. Strings are quoted as in
    /// JSON, and lists of plain values stand on one line.
    package var renderedAsYAML: String {
        switch self {
        case .object(let members) where !members.isEmpty:
            lines(indent: 0).joined(separator: "\n") + "\n"
        case .list(let elements) where !elements.isEmpty:
            lines(indent: 0).joined(separator: "\n") + "\n"
        case .null, .boolean, .number, .fixed, .text, .list, .object: inline + "\n"
        }
    }

    /// Whether it stands behind its key.
    private var isInline: Bool {
        switch self {
        case .null, .boolean, .number, .fixed, .text: true
        case .object(let members): members.isEmpty
        case .list(let elements):
            elements.allSatisfy { element in
                switch element {
                case .null, .boolean, .number, .fixed, .text: true
                case .list, .object: false
                }
            }
        }
    }

    private var inline: String {
        switch self {
        case .list(let elements): "[" + elements.map(\.inline).joined(separator: ", ") + "]"
        case .null, .boolean, .number, .fixed, .text, .object: String(rendered.dropLast())
        }
    }

    private func lines(indent: Int) -> [String] {
        let pad = String(repeating: " ", count: indent)
        switch self {
        case .object(let members):
            return members.flatMap { member -> [String] in
                let name = "\(pad)\(Self.key(member.name)):"
                return member.value.isInline
                    ? ["\(name) \(member.value.inline)"]
                    : [name] + member.value.lines(indent: indent + 2)
            }
        case .list(let elements):
            return elements.flatMap { element -> [String] in
                if element.isInline { return ["\(pad)- \(element.inline)"] }
                var inner = element.lines(indent: indent + 2)
                inner[0] = "\(pad)- \(inner[0].dropFirst(indent + 2))"
                return inner
            }
        case .null, .boolean, .number, .fixed, .text: return ["\(pad)\(inline)"]
        }
    }

    /// A key is plain when it is a word, and quoted else.
    private static func key(_ name: String) -> String {
        let isWord =
            name.utf8.allSatisfy { byte in
                byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
                    || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
                    || byte == UInt8(ascii: "_")
            } && name.utf8.first.map { $0 >= UInt8(ascii: "A") } == true
        let isReserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(name.lowercased())
        return isWord && !isReserved ? name : JSONText.text(name).inline
    }
}
