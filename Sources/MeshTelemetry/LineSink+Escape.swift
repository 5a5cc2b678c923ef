// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension LineSink {
    /// Writes `text` as the inside of a JSON string that no terminal, log shipper or reader can
    /// take for anything else.
    ///
    /// **Shape**: quotes, backslashes, all control characters (also DEL and the C1 range, which
    /// starts terminal sequences too), line and paragraph separators and the marks that change
    /// the direction of writing become `\uXXXX`; bytes that are not UTF-8 become U+FFFD.
    /// **Source**: RFC 8259 §7; Unicode Standard §3.9 for what is not UTF-8.
    mutating func escaped(_ text: RawSpan) {
        var i = 0
        while i &+ 8 <= text.byteCount {
            let word = text.word(at: i)
            if Self.isPlain(word) {
                self.word(word)
                i &+= 8
            } else {
                let end = i &+ 8
                while i < end { i = escapeOne(text, at: i) }
            }
        }
        while i < text.byteCount { i = escapeOne(text, at: i) }
    }

    /// Whether all eight bytes are printable ASCII other than `"` and `\`.
    @inline(__always)
    private static func isPlain(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let high: UInt64 = 0x8080_8080_8080_8080
        let quote = word ^ ones &* 0x22
        let backslash = word ^ ones &* 0x5C
        let delete = word ^ ones &* 0x7F
        // A byte below the subtrahend borrows into its own high bit. Bytes with the high bit set
        // are caught by `word` itself, so borrows between bytes can only add a false alarm.
        let suspects =
            word | (word &- ones &* 0x20) | (quote &- ones) | (backslash &- ones)
            | (delete &- ones)
        return suspects & high == 0
    }

    /// Writes the character at `i` and answers where the next begins.
    private mutating func escapeOne(_ text: RawSpan, at i: Int) -> Int {
        let byte = text[i]
        if byte < 0x80 {
            if byte >= 0x20, byte != 0x22, byte != 0x5C, byte != 0x7F {
                self.byte(byte)
            } else if byte == 0x22 || byte == 0x5C {
                self.byte(0x5C)
                self.byte(byte)
            } else {
                codePoint(UInt32(byte))
            }
            return i &+ 1
        }
        let (scalar, length) = Self.scalar(in: text, at: i)
        if Self.isDangerous(scalar) {
            codePoint(scalar)
        } else {
            for offset in i..<i &+ length { self.byte(text[offset]) }
        }
        return i &+ length
    }

    private mutating func codePoint(_ value: UInt32) {
        self.byte(0x5C)
        self.byte(UInt8(ascii: "u"))
        var shift: UInt32 = 16
        while shift > 0 {
            shift &-= 4
            self.byte(ASCII.hexDigit(UInt8(truncatingIfNeeded: value >> shift) & 15))
        }
    }

    /// What is below 0x10000 and must not reach a terminal as it is. U+FFFD is among them as the
    /// sign for bytes that are not UTF-8.
    private static func isDangerous(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x80...0x9F, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF, 0xFFFD: true
        default: false
        }
    }

    /// The multi-byte character at `i` and its length; U+FFFD and 1 when it is not UTF-8.
    private static func scalar(in text: RawSpan, at i: Int) -> (UInt32, Int) {
        let invalid: (UInt32, Int) = (0xFFFD, 1)
        let lead = text[i]
        let length: Int
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF: length = 3
        case 0xF0...0xF4: length = 4
        default: return invalid
        }
        guard i &+ length <= text.byteCount else { return invalid }
        var value = UInt32(lead) & (0x7F >> UInt32(length))
        for offset in 1..<length {
            let byte = text[i &+ offset]
            guard byte & 0xC0 == 0x80 else { return invalid }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        let isShortest = value >= (length == 2 ? 0x80 : length == 3 ? 0x800 : 0x1_0000)
        let isScalar = value <= 0x10_FFFF && !(0xD800...0xDFFF).contains(value)
        return isShortest && isScalar ? (value, length) : invalid
    }
}
