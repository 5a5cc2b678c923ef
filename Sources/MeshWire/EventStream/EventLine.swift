// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Lines of an event stream: where they end and what field they hold.
///
/// **Source** WHATWG HTML, "Server-sent events", sections 9.2.5 and 9.2.6.
enum EventLine {
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D

    /// Offset of the first line feed or carriage return at or behind `offset`, or nil.
    @inline(__always)
    static func end(_ bytes: RawSpan, from offset: Int) -> Int? {
        // With this, the loop's condition proves the bounds of what is loaded.
        precondition(offset >= 0, "a line cannot be looked for before the first byte")
        let ones: UInt64 = 0x0101_0101_0101_0101
        var i = offset
        while i &+ 8 <= bytes.byteCount {
            let word = bytes.headWord(i)
            let feed = word ^ (ones &* 0x0A)
            let carriage = word ^ (ones &* 0x0D)
            let hits = ((feed &- ones) & ~feed | (carriage &- ones) & ~carriage) & (ones &* 0x80)
            if hits != 0 { return i &+ (hits.trailingZeroBitCount &>> 3) }
            i &+= 8
        }
        while i < bytes.byteCount {
            if bytes[i] == lineFeed || bytes[i] == carriageReturn { return i }
            i &+= 1
        }
        return nil
    }

    /// The value in `start ..< end` if that line is a `data` field, without the one space that
    /// may follow the colon.
    @inline(__always)
    static func data(_ bytes: RawSpan, _ start: Int, _ end: Int) -> ByteRange? {
        guard end &- start >= 4, bytes[start] == UInt8(ascii: "d"),
            bytes[start &+ 1] == UInt8(ascii: "a"), bytes[start &+ 2] == UInt8(ascii: "t"),
            bytes[start &+ 3] == UInt8(ascii: "a")
        else { return nil }
        if end &- start == 4 { return ByteRange(end, end) }
        guard bytes[start &+ 4] == UInt8(ascii: ":") else { return nil }
        let value = start &+ 5
        return ByteRange(value < end && bytes[value] == 0x20 ? value &+ 1 : value, end)
    }

    /// Name and value of the field in `start ..< end`; a comment has an empty name.
    static func field(
        _ bytes: RawSpan, _ start: Int, _ end: Int
    ) -> (name: ByteRange, value: ByteRange) {
        let line = bytes.extracting(start..<end)
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            return (ByteRange(start, end), ByteRange(end, end))
        }
        let value = start &+ colon &+ 1
        let begin = value < end && bytes[value] == 0x20 ? value &+ 1 : value
        return (ByteRange(start, start &+ colon), ByteRange(begin, end))
    }

    /// The line that begins at `offset` and ends before `limit`; moves `offset` behind its end.
    /// Nil at `limit`.
    static func next(_ bytes: RawSpan, at offset: inout Int, limit: Int) -> ByteRange? {
        guard offset < limit else { return nil }
        let start = offset
        let end = Self.end(bytes.extracting(0..<limit), from: start) ?? limit
        offset = min(limit, end &+ 1)
        if end < limit, bytes[end] == carriageReturn, offset < limit, bytes[offset] == lineFeed {
            offset &+= 1
        }
        return ByteRange(start, end)
    }

    /// Whether the bytes from `offset` on begin with a byte order mark.
    static func hasMark(_ bytes: RawSpan, at offset: Int) -> Bool {
        offset &+ 3 <= bytes.byteCount && bytes[offset] == 0xEF && bytes[offset &+ 1] == 0xBB
            && bytes[offset &+ 2] == 0xBF
    }
}
