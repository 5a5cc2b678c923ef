// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// The members of one object by their places, for documents that are passed on with few changes.
///
/// Nothing is copied: names and values stay where they are, so that all around them passes as the
/// very bytes that came. Of a name that is given twice the last one counts, as most readers have
/// it. Ranges point into the bytes that were read, also those of objects within objects.
///
/// Allocates a list, so it is not for what every event of every stream goes through.
package struct JSONObject: Sendable, Hashable {
    private struct Member: Sendable, Hashable {
        var name: ByteRange
        var value: ByteRange
    }

    private var all: [Member] = []
    /// The object with its braces.
    package let range: ByteRange

    /// Reads the object at `offset`, which white space may stand in front of.
    ///
    /// **Errors** what is no valid object. What stands behind it is not looked at.
    package init(_ bytes: RawSpan, at offset: Int = 0) throws(JSONFault) {
        let start = JSONGrammar.skipSpace(bytes, from: offset)
        guard try JSONGrammar.byte(bytes, at: start) == UInt8(ascii: "{") else {
            throw JSONFault(.notAnObject, at: start)
        }
        var members = JSONGrammar.Members(behindBrace: start &+ 1)
        while let member = try members.next(bytes) {
            let end = try JSONGrammar.skipValue(bytes, from: member.value, depth: 1)
            members.offset = end
            all.append(
                Member(
                    name: ByteRange(member.nameStart, member.nameEnd),
                    value: ByteRange(member.value, end)))
        }
        range = ByteRange(start, members.offset)
    }

    /// Whether there is no member.
    package var isEmpty: Bool { all.isEmpty }

    /// The literal behind `name`, or nil when there is none.
    package func value(_ name: StaticString, in bytes: RawSpan) -> ByteRange? {
        all.last { bytes.extracting($0.name.range).equals(name) }?.value
    }

    /// The contents, without quotes, of the string behind `name`.
    package func contents(_ name: StaticString, in bytes: RawSpan) -> ByteRange? {
        guard let range = value(name, in: bytes), bytes[range.start] == UInt8(ascii: "\"") else {
            return nil
        }
        return ByteRange(range.start &+ 1, range.end &- 1)
    }

    /// The whole number of 0 or more behind `name`.
    package func number(_ name: StaticString, in bytes: RawSpan) -> Int? {
        value(name, in: bytes).flatMap { bytes.extracting($0.range).decimal }
    }

    /// The object behind `name`.
    package func object(_ name: StaticString, in bytes: RawSpan) -> JSONObject? {
        guard let range = value(name, in: bytes) else { return nil }
        return try? JSONObject(bytes, at: range.start)
    }

    /// The elements of the list behind `name`; nil when there is none.
    package func elements(_ name: StaticString, in bytes: RawSpan) -> [ByteRange]? {
        guard let range = value(name, in: bytes) else { return nil }
        return Self.elements(of: range, in: bytes)
    }

    /// The elements of the list in `range`; nil when that is none.
    package static func elements(of range: ByteRange, in bytes: RawSpan) -> [ByteRange]? {
        guard range.start < bytes.byteCount, bytes[range.start] == UInt8(ascii: "[") else {
            return nil
        }
        var found: [ByteRange] = []
        var i = JSONGrammar.skipSpace(bytes, from: range.start &+ 1)
        while i < bytes.byteCount, bytes[i] != UInt8(ascii: "]") {
            guard let end = try? JSONGrammar.skipValue(bytes, from: i, depth: 1) else { return nil }
            found.append(ByteRange(i, end))
            i = JSONGrammar.skipSpace(bytes, from: end)
            guard i < bytes.byteCount, bytes[i] == UInt8(ascii: ",") else { break }
            i = JSONGrammar.skipSpace(bytes, from: i &+ 1)
        }
        return i < bytes.byteCount && bytes[i] == UInt8(ascii: "]") ? found : nil
    }
}
