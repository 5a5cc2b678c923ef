// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// A whole JSON document as values: for the small documents that control the mesh (sets of keys,
/// claims of a token, answers of a policy server), never for bodies on their way.
///
/// It is as strict as `JSONGrammar`, and a name that stands twice in any object is refused, so
/// that nobody can have read the document in another way. Names and texts are compared by their
/// bytes: two spellings of one character are two names.
package enum JSONTree: Sendable, Hashable {
    /// The values of JSON. A number without fraction and exponent that fits is an integer.
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case list([JSONTree])
    case object([Member])

    /// One name of an object with its value.
    package struct Member: Sendable, Hashable {
        /// The name, escapes decoded.
        package var name: String
        /// The value.
        package var value: JSONTree

        /// `value` under `name`.
        package init(_ name: String, _ value: JSONTree) {
            self.name = name
            self.value = value
        }
    }

    /// Reads `bytes` as one document.
    ///
    /// **Shape** at most `bytesMax` bytes and `depthMax` nested levels.
    /// **Errors** the first fault met. **Complexity** O(n).
    package static func read(
        _ bytes: RawSpan, bytesMax: Int, depthMax: Int = 16
    ) throws(JSONFault) -> JSONTree {
        guard bytes.byteCount <= bytesMax else { throw JSONFault(.documentTooLarge, at: bytesMax) }
        try JSONGrammar.checkStart(bytes)
        var offset = JSONGrammar.skipSpace(bytes, from: 0)
        let tree = try value(bytes, &offset, depth: depthMax)
        try JSONGrammar.checkEnd(bytes, from: offset)
        return tree
    }

    /// The value of `name`, or nil when this is no object or has no such name.
    package subscript(name: String) -> JSONTree? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
    }

    /// The text, or nil when it is none.
    package var text: String? { if case .string(let text) = self { text } else { nil } }

    /// The elements, or nil when it is no list.
    package var elements: [JSONTree]? { if case .list(let all) = self { all } else { nil } }

    /// The members, or nil when it is no object.
    package var members: [Member]? { if case .object(let all) = self { all } else { nil } }

    /// The texts of a list of texts, or nil when it is anything else.
    package var texts: [String]? {
        guard let elements else { return nil }
        let texts = elements.compactMap(\.text)
        return texts.count == elements.count ? texts : nil
    }

    /// The whole number, or nil when it is none.
    package var integer: Int64? { if case .int(let number) = self { number } else { nil } }

    /// The document as text on one line.
    package func append(to out: inout [UInt8]) {
        switch self {
        case .null: out.append("null")
        case .bool(let value): out.append(value ? "true" : "false")
        case .int(let value): out.append(contentsOf: String(value).utf8)
        case .double(let value): out.append(contentsOf: String(value).utf8)
        case .string(let value): out.appendJSONString(value)
        case .list(let elements):
            out.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                element.append(to: &out)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let members):
            out.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                out.appendJSONString(member.name)
                out.append(UInt8(ascii: ":"))
                member.value.append(to: &out)
            }
            out.append(UInt8(ascii: "}"))
        }
    }
}

extension JSONTree {
    /// The value that begins at `offset`, which then stands behind it.
    private static func value(
        _ bytes: RawSpan, _ offset: inout Int, depth: Int
    ) throws(JSONFault) -> JSONTree {
        let first = try JSONGrammar.byte(bytes, at: offset)
        switch first {
        case UInt8(ascii: "\""):
            let end = try JSONGrammar.skipString(bytes, from: offset)
            let contents = bytes.extracting((offset &+ 1)..<(end.end &- 1))
            offset = end.end
            guard end.hasEscapes else { return .string(contents.text) }
            return .string(String(decoding: try JSONStringDecoder.decode(contents), as: UTF8.self))
        case UInt8(ascii: "{"):
            guard depth > 0 else { throw JSONFault(.tooDeep, at: offset) }
            return .object(try members(bytes, &offset, depth: depth - 1))
        case UInt8(ascii: "["):
            guard depth > 0 else { throw JSONFault(.tooDeep, at: offset) }
            return .list(try elements(bytes, &offset, depth: depth - 1))
        default:
            let end = try JSONGrammar.skipScalar(bytes, from: offset, first: first)
            let text = bytes.extracting(offset..<end).text
            offset = end
            switch first {
            case UInt8(ascii: "t"): return .bool(true)
            case UInt8(ascii: "f"): return .bool(false)
            case UInt8(ascii: "n"): return .null
            default: return try number(text, at: end)
            }
        }
    }

    /// A number too large for a double is none that two readers would take alike.
    private static func number(_ text: String, at offset: Int) throws(JSONFault) -> JSONTree {
        if let whole = Int64(text) { return .int(whole) }
        guard let value = Double(text), value.isFinite else {
            throw JSONFault(.invalidNumber, at: offset)
        }
        return .double(value)
    }

    private static func members(
        _ bytes: RawSpan, _ offset: inout Int, depth: Int
    ) throws(JSONFault) -> [Member] {
        var walk = JSONGrammar.Members(behindBrace: offset &+ 1)
        var found: [Member] = []
        var seen: Set<[UInt8]> = []
        while let member = try walk.next(bytes) {
            let contents = bytes.extracting(member.nameStart..<member.nameEnd)
            let name =
                member.isNamePlain ? contents.array : try JSONStringDecoder.decode(contents)
            guard seen.insert(name).inserted else {
                throw JSONFault(.duplicateKey, at: member.nameStart)
            }
            var end = member.value
            let value = try value(bytes, &end, depth: depth)
            found.append(Member(String(decoding: name, as: UTF8.self), value))
            walk.offset = end
        }
        offset = walk.offset
        return found
    }

    private static func elements(
        _ bytes: RawSpan, _ offset: inout Int, depth: Int
    ) throws(JSONFault) -> [JSONTree] {
        var found: [JSONTree] = []
        var i = JSONGrammar.skipSpace(bytes, from: offset &+ 1)
        if try JSONGrammar.byte(bytes, at: i) == UInt8(ascii: "]") {
            offset = i &+ 1
            return found
        }
        while true {
            found.append(try value(bytes, &i, depth: depth))
            i = JSONGrammar.skipSpace(bytes, from: i)
            let next = try JSONGrammar.byte(bytes, at: i)
            if next == UInt8(ascii: "]") {
                offset = i &+ 1
                return found
            }
            guard next == UInt8(ascii: ",") else { throw JSONFault(.unexpectedByte, at: i) }
            i = JSONGrammar.skipSpace(bytes, from: i &+ 1)
        }
    }
}
