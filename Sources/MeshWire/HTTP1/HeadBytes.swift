// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Scanning of heads, eight bytes at a time. Loads are unchecked: every caller proves its bounds,
/// and says where.
extension RawSpan {
    /// The byte at `offset`, which is below `byteCount`.
    @inline(__always)
    func headByte(_ offset: Int) -> UInt8 {
        unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    }

    /// The eight bytes from `offset` on, little-endian; `offset + 8 <= byteCount`.
    @inline(__always)
    func headWord(_ offset: Int) -> UInt64 {
        UInt64(
            littleEndian: unsafe unsafeLoadUnaligned(
                fromUncheckedByteOffset: offset, as: UInt64.self))
    }

    /// The high bits of the bytes of `x` that are control bytes, HTAB and DEL among them.
    ///
    /// A borrow can only disturb bytes above a true hit, so only the lowest bit is certain.
    @inline(__always)
    private static func controls(_ x: UInt64) -> UInt64 {
        let delete = x ^ 0x7f7f_7f7f_7f7f_7f7f
        let low = (x &- 0x2020_2020_2020_2020) & ~x
        let equal = (delete &- 0x0101_0101_0101_0101) & ~delete
        return (low | equal) & 0x8080_8080_8080_8080
    }

    /// Offset of the first control byte other than HTAB in `from ..< end`, or `end`.
    ///
    /// **Shape**: `end <= byteCount`. DEL is a control byte; bytes from 0x80 on are not.
    @inline(__always)
    func firstControl(from: Int, to end: Int) -> Int {
        var i = from
        while i &+ 8 <= end {
            var hit = Self.controls(headWord(i))
            if hit == 0 {
                // Two words in one turn: values are long.
                i &+= 8
                guard i &+ 8 <= end else { break }
                hit = Self.controls(headWord(i))
                if hit == 0 {
                    i &+= 8
                    continue
                }
            }
            i &+= hit.trailingZeroBitCount &>> 3
            if headByte(i) != HTTPByte.tab { return i }
            i &+= 1
        }
        while i < end {
            let byte = headByte(i)
            if byte < 0x20 && byte != HTTPByte.tab || byte == 0x7f { return i }
            i &+= 1
        }
        return end
    }

    /// Offset of the first control byte, HTAB included, or colon in `from ..< end`, or `end`.
    ///
    /// **Shape**: `end <= byteCount`.
    @inline(__always)
    func firstControlOrColon(from: Int, to end: Int) -> Int {
        var i = from
        while i &+ 8 <= end {
            let x = headWord(i)
            let colon = x ^ 0x3a3a_3a3a_3a3a_3a3a
            let mark = (colon &- 0x0101_0101_0101_0101) & ~colon & 0x8080_8080_8080_8080
            let hit = Self.controls(x) | mark
            if hit != 0 { return i &+ (hit.trailingZeroBitCount &>> 3) }
            i &+= 8
        }
        while i < end {
            let byte = headByte(i)
            if byte < 0x20 || byte == 0x7f || byte == UInt8(ascii: ":") { return i }
            i &+= 1
        }
        return end
    }

    /// Offset of the first `byte` in `from ..< end`, or `end`; `end <= byteCount`.
    @inline(__always)
    func firstByte(_ byte: UInt8, from: Int, to end: Int) -> Int {
        let pattern = UInt64(byte) &* 0x0101_0101_0101_0101
        let wordEnd = byteCount &- 8
        var i = from
        while i < end {
            if i <= wordEnd {
                let x = headWord(i) ^ pattern
                let hit = (x &- 0x0101_0101_0101_0101) & ~x & 0x8080_8080_8080_8080
                if hit != 0 { return Swift.min(i &+ (hit.trailingZeroBitCount &>> 3), end) }
                i &+= 8
            } else {
                if headByte(i) == byte { return i }
                i &+= 1
            }
        }
        return end
    }

    /// Whether `from ..< end` is one or more token bytes; `end <= byteCount`.
    /// **Source**: RFC 9110 section 5.6.2.
    @inline(__always)
    func isToken(from: Int, to end: Int) -> Bool {
        var i = from
        // Names are short, and leaving early also keeps the loop from being vectorised badly.
        while i < end {
            if !HTTPByte.isToken(headByte(i)) { return false }
            i &+= 1
        }
        return from < end
    }

    /// Whether `range` spells `text`, written in lower case, without regard to case.
    @inline(__always)
    func matches(_ range: ByteRange, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        return extracting(range.range).equalsIgnoringCase(text)
    }
}

/// The bytes that HTTP/1.1 gives a meaning.
enum HTTPByte {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0a
    static let carriageReturn: UInt8 = 0x0d
    static let space: UInt8 = 0x20

    /// 1 for a byte that may stand in a token, else 0, without a branch or a table in memory.
    @inline(__always)
    static func tokenBit(_ byte: UInt8) -> UInt64 {
        // Bits 0-63 are "!#$%&'*+-." and digits, bits 64-127 letters and "^_`|~".
        let low: UInt64 = 0x03ff_6cfa_0000_0000
        let high: UInt64 = 0x57ff_ffff_c7ff_fffe
        let word = byte & 0x40 == 0 ? low : high
        return (word &>> UInt64(byte & 63)) & (UInt64(byte &>> 7) ^ 1)
    }

    /// Whether `byte` may stand in a token.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool { tokenBit(byte) != 0 }

    /// Whether `byte` is a space or a horizontal tab.
    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }
}

/// Walks the elements of a comma-separated list; empty elements are skipped.
/// **Source**: RFC 9110 section 5.6.1.
struct ListWalker {
    private var at: Int
    private let end: Int

    /// A walk over the value at `range`, which lies within the bytes given to `next`.
    init(_ range: ByteRange) {
        at = range.start
        end = range.end
    }

    /// The next element without the white space around it, or nil.
    mutating func next(in bytes: RawSpan) -> ByteRange? {
        guard end <= bytes.byteCount else { return nil }
        while at < end {
            var start = at
            let comma = bytes.firstByte(UInt8(ascii: ","), from: at, to: end)
            at = comma &+ 1
            var stop = comma
            while start < stop, HTTPByte.isBlank(bytes.headByte(start)) { start &+= 1 }
            while stop > start, HTTPByte.isBlank(bytes.headByte(stop &- 1)) { stop &-= 1 }
            if start < stop { return ByteRange(start, stop) }
        }
        return nil
    }
}
