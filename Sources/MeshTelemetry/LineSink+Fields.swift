// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// One field of a line; `key` is the text before the value, with its opening quote.
extension LineSink {
    /// A number.
    @inline(__always)
    mutating func number(_ key: StaticString, _ value: UInt64) {
        literal(key)
        decimal(value)
    }

    /// A length of time in milliseconds.
    @inline(__always)
    mutating func duration(_ key: StaticString, _ value: Nanoseconds) {
        literal(key)
        milliseconds(value)
    }

    /// Bytes that somebody sent, at most `limit` of them; left out when there are none.
    @inline(__always)
    mutating func text(_ key: StaticString, _ value: RawSpan, limit: Int) {
        if value.byteCount == 0 { return }
        literal(key)
        escaped(value.extracting(LoggedRange.prefix(value, limit: limit)))
        byte(UInt8(ascii: "\""))
    }

    /// A name from the configuration; left out when there is none.
    @inline(__always)
    mutating func name(_ key: StaticString, _ value: String?) {
        guard let value else { return }
        let characters = value.utf8Span
        unsafe text(key, characters.span.bytes, limit: Limits.loggedTextBytes)
    }

    /// A word of our own that needs no escape.
    @inline(__always)
    mutating func word(_ key: StaticString, _ value: StaticString) {
        literal(key)
        literal(value)
        byte(UInt8(ascii: "\""))
    }
}

/// The part of what a caller sent that may be written down.
enum LoggedRange {
    /// The first `limit` bytes, or up to three fewer where a character would be cut.
    static func prefix(_ text: RawSpan, limit: Int) -> Range<Int> {
        guard text.byteCount > limit else { return 0..<text.byteCount }
        var end = limit
        while end > 0, end > limit - 4, text[end] & 0xC0 == 0x80 { end -= 1 }
        return 0..<end
    }

    /// A path without query and fragment.
    ///
    /// Of an absolute target only the path is taken, since a user name and a password can stand
    /// before it. Any other form is a bare authority, taken only when it has no sign of either.
    static func path(_ target: RawSpan) -> Range<Int> {
        let end = endOfPath(target)
        guard end > 0, target[0] != UInt8(ascii: "/") else { return 0..<end }
        if let colon = target.firstIndex(of: UInt8(ascii: ":")), colon + 2 < end,
            target[colon + 1] == UInt8(ascii: "/"), target[colon + 2] == UInt8(ascii: "/")
        {
            let slash = target.firstIndex(of: UInt8(ascii: "/"), from: colon + 3)
            return min(slash ?? end, end)..<end
        }
        let isBare = end == target.byteCount && target.firstIndex(of: UInt8(ascii: "@")) == nil
        return 0..<(isBare ? end : 0)
    }

    /// A host without the user name and password before its last `@`.
    static func host(_ authority: RawSpan) -> Range<Int> {
        var start = 0
        while let at = authority.firstIndex(of: UInt8(ascii: "@"), from: start) { start = at + 1 }
        return start..<authority.byteCount
    }

    private static func endOfPath(_ target: RawSpan) -> Int {
        let query = target.firstIndex(of: UInt8(ascii: "?")) ?? target.byteCount
        let path = target.extracting(0..<query)
        return path.firstIndex(of: UInt8(ascii: "#")) ?? query
    }
}
