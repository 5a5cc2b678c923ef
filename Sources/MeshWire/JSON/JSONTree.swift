// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// A small JSON document as a tree: for answers that something asked the mesh for and that are
/// read once, never for what callers and model servers send each other.
///
/// What two readers could understand differently is refused: a name that an object has twice, and
/// everything that `JSONGrammar` refuses.
package indirect enum JSONTree: Hashable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number as it was written.
    case number(String)
    /// A string, decoded.
    case string(String)
    /// An array.
    case array([JSONTree])
    /// Members in the order in which they were written, no name twice.
    case object([Member])

    /// A name with its value.
    package struct Member: Hashable, Sendable {
        /// The name, decoded.
        package var name: String
        /// The value.
        package var value: JSONTree
    }

    /// The document that `bytes` hold.
    ///
    /// **Errors** the first fault met; `.duplicateKey` for a name that an object has twice.
    package init(_ bytes: RawSpan) throws(JSONFault) {
        // The walk below relies on what this has found: nesting is bounded and all is well formed.
        try JSONGrammar.validate(bytes)
        var offset = 0
        self = try Self.value(bytes, at: &offset)
    }

    /// The value of the member called `name`; nil when this is no object or has none.
    package subscript(name: String) -> JSONTree? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The text of a string.
    package var text: String? { if case .string(let text) = self { text } else { nil } }

    /// The value of a boolean.
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    /// The value of a whole number.
    package var integer: Int? { if case .number(let text) = self { Int(text) } else { nil } }

    private static func value(
        _ bytes: RawSpan, at offset: inout Int
    ) throws(JSONFault) -> JSONTree {
        offset = JSONGrammar.skipSpace(bytes, from: offset)
        let first = try JSONGrammar.byte(bytes, at: offset)
        switch first {
        case UInt8(ascii: "{"): return try object(bytes, at: &offset)
        case UInt8(ascii: "["): return try array(bytes, at: &offset)
        case UInt8(ascii: "\""): return .string(try string(bytes, at: &offset))
        default:
            let end = try JSONGrammar.skipScalar(bytes, from: offset, first: first)
            let text = bytes.extracting(offset..<end).text
            offset = end
            switch first {
            case UInt8(ascii: "n"): return .null
            case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool(first == UInt8(ascii: "t"))
            default: return .number(text)
            }
        }
    }

    private static func object(
        _ bytes: RawSpan, at offset: inout Int
    ) throws(JSONFault) -> JSONTree {
        var walk = JSONGrammar.Members(behindBrace: offset + 1)
        var members: [Member] = []
        var names: Set<[UInt8]> = []
        while let member = try walk.next(bytes) {
            let raw = bytes.extracting(member.nameStart..<member.nameEnd)
            let name = try JSONStringDecoder.decode(raw)
            guard names.insert(name).inserted else {
                throw JSONFault(.duplicateKey, at: member.nameStart)
            }
            var at = member.value
            let value = try value(bytes, at: &at)
            members.append(Member(name: String(decoding: name, as: UTF8.self), value: value))
            walk.offset = at
        }
        offset = walk.offset
        return .object(members)
    }

    private static func array(
        _ bytes: RawSpan, at offset: inout Int
    ) throws(JSONFault) -> JSONTree {
        var elements: [JSONTree] = []
        offset = JSONGrammar.skipSpace(bytes, from: offset + 1)
        while try JSONGrammar.byte(bytes, at: offset) != UInt8(ascii: "]") {
            elements.append(try value(bytes, at: &offset))
            offset = JSONGrammar.skipSpace(bytes, from: offset)
            if try JSONGrammar.byte(bytes, at: offset) == UInt8(ascii: ",") {
                offset = JSONGrammar.skipSpace(bytes, from: offset + 1)
            }
        }
        offset += 1
        return .array(elements)
    }

    private static func string(
        _ bytes: RawSpan, at offset: inout Int
    ) throws(JSONFault) -> String {
        let end = try JSONGrammar.skipString(bytes, from: offset).end
        let text = try JSONStringDecoder.decode(bytes.extracting((offset + 1)..<(end - 1)))
        offset = end
        return String(decoding: text, as: UTF8.self)
    }
}
