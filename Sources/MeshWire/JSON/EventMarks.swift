// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Which names with a telling value occur anywhere in a JSON text.
///
/// Found by looking for `"u`, `"f` and `"e` eight bytes at a time, without walking the grammar:
/// most events of a stream hold none and are done with after this. A name inside a string cannot
/// be mistaken for one, because there its quotes are escaped. How deeply a name is nested is not
/// known. A name spelt with `\u` escapes is not found; no server writes one.
package struct EventMarks: OptionSet, Hashable, Sendable {
    /// One bit for each mark.
    package var rawValue: UInt8

    /// The marks whose bits are set in `rawValue`.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A name `"usage"` whose value is an object.
    package static var usage: EventMarks { EventMarks(rawValue: 1) }
    /// A name `"finish_reason"` whose value is a string.
    package static var finishReason: EventMarks { EventMarks(rawValue: 2) }
    /// A name `"error"` whose value is an object or a string.
    package static var error: EventMarks { EventMarks(rawValue: 4) }

    /// The marks in `data`.
    package init(in data: RawSpan) {
        self.init(rawValue: 0)
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        // Nine bytes are looked at for eight places; the shortest name needs nine anyway. The
        // loop's condition proves the bounds of both loads.
        var i = 0
        while i &+ 9 <= data.byteCount {
            let quote = data.headWord(i) ^ (ones &* 0x22)
            let next = data.headWord(i &+ 1)
            let u = quote | (next ^ (ones &* 0x75))
            let f = quote | (next ^ (ones &* 0x66))
            let e = quote | (next ^ (ones &* 0x65))
            var hits = ((u &- ones) & ~u | (f &- ones) & ~f | (e &- ones) & ~e) & tops
            while hits != 0 {
                formUnion(Self.mark(data, at: i &+ (hits.trailingZeroBitCount &>> 3)))
                hits &= hits &- 1
            }
            i &+= 8
        }
        // A place behind the loop has fewer than nine bytes left: too few for name and value.
    }

    /// The mark of the name whose quote is at `offset`, if it is one.
    private static func mark(_ data: RawSpan, at offset: Int) -> EventMarks {
        if begins(with: "\"usage\"", data, at: offset) {
            return value(data, at: offset, behind: 7) == UInt8(ascii: "{") ? .usage : []
        }
        if begins(with: "\"finish_reason\"", data, at: offset) {
            return value(data, at: offset, behind: 15) == UInt8(ascii: "\"") ? .finishReason : []
        }
        if begins(with: "\"error\"", data, at: offset) {
            let first = value(data, at: offset, behind: 7)
            return first == UInt8(ascii: "{") || first == UInt8(ascii: "\"") ? .error : []
        }
        return []
    }

    @inline(__always)
    private static func begins(
        with text: StaticString, _ data: RawSpan, at offset: Int
    ) -> Bool {
        JSONGrammar.begins(with: text, data, at: offset)
    }

    /// The first byte of the value of the name at `offset`, which is `count` bytes with its
    /// quotes; 0 when it is no name or its first quote is an escaped one.
    static func value(_ data: RawSpan, at offset: Int, behind count: Int) -> UInt8 {
        var backslashes = 0
        while offset > backslashes, data[offset &- backslashes &- 1] == UInt8(ascii: "\\") {
            backslashes &+= 1
        }
        guard backslashes & 1 == 0 else { return 0 }
        var i = JSONGrammar.skipSpace(data, from: offset &+ count)
        guard i < data.byteCount, data[i] == UInt8(ascii: ":") else { return 0 }
        i = JSONGrammar.skipSpace(data, from: i &+ 1)
        return i < data.byteCount ? data[i] : 0
    }
}
