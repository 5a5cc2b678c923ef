// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension JSONGrammar {
    /// Where a string ends and whether its contents are its value as they stand.
    struct StringEnd {
        /// Offset behind the closing quote.
        var end: Int
        /// Whether any byte is a backslash.
        var hasEscapes: Bool
        /// Whether any byte is outside ASCII.
        var hasWideScalars: Bool
    }

    /// Walks over a string whose opening quote is at `offset`, eight bytes at a time.
    ///
    /// **Errors** bare control bytes, unknown escapes, lone surrogates, invalid UTF-8.
    static func skipString(_ bytes: RawSpan, from offset: Int) throws(JSONFault) -> StringEnd {
        var result = StringEnd(end: 0, hasEscapes: false, hasWideScalars: false)
        var i = offset &+ 1
        while true {
            i = skipPlain(bytes, from: i)
            let byte = try byte(bytes, at: i)
            if byte == UInt8(ascii: "\"") {
                result.end = i &+ 1
                return result
            }
            if byte == UInt8(ascii: "\\") {
                result.hasEscapes = true
                i = try skipEscape(bytes, from: i)
            } else if byte >= 0x80 {
                result.hasWideScalars = true
                i = try skipWide(bytes, from: i)
            } else {
                throw JSONFault(.controlByte, at: i)
            }
        }
    }

    /// Offset of the first quote, backslash, control byte or byte above ASCII.
    ///
    /// The subtraction sets the top bit of a byte below its subtrahend. A borrow can also set it
    /// falsely, but only above a true hit, so the lowest hit is always true.
    @inline(__always)
    static func skipPlain(_ bytes: RawSpan, from offset: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var i = offset
        while i &+ 8 <= bytes.byteCount {
            let word = bytes.word(at: i)
            let quote = (word ^ (ones &* 0x22)) &- ones
            let backslash = (word ^ (ones &* 0x5C)) &- ones
            let hits = (word | quote | backslash | (word &- (ones &* 0x20))) & (ones &* 0x80)
            if hits != 0 { return i &+ (hits.trailingZeroBitCount &>> 3) }
            i &+= 8
        }
        while i < bytes.byteCount {
            let byte = bytes[i]
            if byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5C { return i }
            i &+= 1
        }
        return i
    }

    /// Walks over one escape; a high surrogate takes its other half along.
    static func skipEscape(_ bytes: RawSpan, from offset: Int) throws(JSONFault) -> Int {
        switch try byte(bytes, at: offset &+ 1) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return offset &+ 2
        case UInt8(ascii: "u"):
            let unit = try hexUnit(bytes, at: offset &+ 2)
            if unit & 0xF800 != 0xD800 { return offset &+ 6 }
            guard unit < 0xDC00 else { throw JSONFault(.loneSurrogate, at: offset) }
            guard try byte(bytes, at: offset &+ 6) == UInt8(ascii: "\\"),
                try byte(bytes, at: offset &+ 7) == UInt8(ascii: "u"),
                try hexUnit(bytes, at: offset &+ 8) & 0xFC00 == 0xDC00
            else { throw JSONFault(.loneSurrogate, at: offset) }
            return offset &+ 12
        default:
            throw JSONFault(.invalidEscape, at: offset)
        }
    }

    /// The value of the four hexadecimal digits at `offset`.
    static func hexUnit(_ bytes: RawSpan, at offset: Int) throws(JSONFault) -> UInt32 {
        guard offset &+ 4 <= bytes.byteCount else {
            throw JSONFault(.truncated, at: bytes.byteCount)
        }
        var unit: UInt32 = 0
        for i in offset..<offset &+ 4 {
            guard let digit = ASCII.hexValue(bytes[i]) else {
                throw JSONFault(.invalidEscape, at: i)
            }
            unit = unit &<< 4 | UInt32(digit)
        }
        return unit
    }

    /// Walks over as many scalars above ASCII as follow each other.
    private static func skipWide(_ bytes: RawSpan, from offset: Int) throws(JSONFault) -> Int {
        var i = offset
        while i < bytes.byteCount, bytes[i] >= 0x80 {
            // Most scripts of Asia are three bytes each; only two first bytes have exceptions.
            if i &+ 8 <= bytes.byteCount {
                let word = bytes.word(at: i)
                if word & 0xC0_C0F0 == 0x80_80E0, bytes[i] != 0xE0, bytes[i] != 0xED {
                    i &+= 3
                    continue
                }
            }
            let count = UTF8Sequence.count(bytes, at: i)
            guard count > 0 else { throw JSONFault(.invalidUTF8, at: i) }
            i &+= count
        }
        return i
    }
}
