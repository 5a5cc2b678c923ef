// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Well-formed UTF-8, one sequence at a time.
///
/// **Source** The Unicode Standard, table 3-7 (the same as RFC 3629 section 4).
enum UTF8Sequence {
    /// Count of bytes of the sequence at `offset`, or 0 when it is not well-formed.
    @inline(__always)
    static func count(_ bytes: RawSpan, at offset: Int) -> Int {
        let (wanted, found) = measure(bytes, at: offset)
        return wanted == found ? wanted : 0
    }

    /// Count of bytes that one U+FFFD replaces when the sequence at `offset` is not well-formed:
    /// as many as could have begun a sequence, at least 1.
    static func replacedCount(_ bytes: RawSpan, at offset: Int) -> Int {
        max(1, measure(bytes, at: offset).found)
    }

    /// The scalar of the well-formed sequence of `count` bytes at `offset`.
    static func scalar(_ bytes: RawSpan, at offset: Int, count: Int) -> UInt32 {
        let first = UInt32(bytes[offset])
        if count == 1 { return first }
        var scalar = first & (0x7F &>> UInt32(truncatingIfNeeded: count))
        for i in offset &+ 1..<offset &+ count { scalar = scalar &<< 6 | UInt32(bytes[i] & 0x3F) }
        return scalar
    }

    /// Appends the UTF-8 of `scalar`, which is a Unicode scalar value.
    static func append(_ scalar: UInt32, to out: inout [UInt8]) {
        func low(_ shift: UInt32) -> UInt8 { UInt8(scalar &>> shift & 0x3F) | 0x80 }
        if scalar < 0x80 {
            out.append(UInt8(scalar))
        } else if scalar < 0x800 {
            out.append(UInt8(scalar &>> 6) | 0xC0)
            out.append(low(0))
        } else if scalar < 0x10000 {
            out.append(UInt8(scalar &>> 12) | 0xE0)
            out.append(low(6))
            out.append(low(0))
        } else {
            out.append(UInt8(scalar &>> 18 & 7) | 0xF0)
            out.append(low(12))
            out.append(low(6))
            out.append(low(0))
        }
    }

    /// How many bytes the first byte asks for, and how many of them are there and fit.
    @inline(__always)
    private static func measure(_ bytes: RawSpan, at offset: Int) -> (wanted: Int, found: Int) {
        let first = bytes[offset]
        if first < 0x80 { return (1, 1) }
        // Overlong forms, surrogates and scalars above U+10FFFF all show in the second byte.
        var low: UInt8 = 0x80
        var high: UInt8 = 0xBF
        let wanted: Int
        switch first {
        case 0xC2...0xDF: wanted = 2
        case 0xE0: (wanted, low) = (3, 0xA0)
        case 0xED: (wanted, high) = (3, 0x9F)
        case 0xE1...0xEF: wanted = 3
        case 0xF0: (wanted, low) = (4, 0x90)
        case 0xF4: (wanted, high) = (4, 0x8F)
        case 0xF1...0xF3: wanted = 4
        default: return (1, 0)
        }
        guard offset &+ 1 < bytes.byteCount else { return (wanted, 1) }
        let second = bytes[offset &+ 1]
        guard second >= low, second <= high else { return (wanted, 1) }
        var found = 2
        while found < wanted, offset &+ found < bytes.byteCount,
            bytes[offset &+ found] & 0xC0 == 0x80
        { found &+= 1 }
        return (wanted, found)
    }
}
