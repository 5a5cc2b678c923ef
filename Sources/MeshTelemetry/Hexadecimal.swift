// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Eight bits to two characters and back, eight characters at a time.
enum Hexadecimal {
    /// The eight lower-case digits of `value`; the first digit is the lowest byte of the result,
    /// so that storing it little-endian writes them in order.
    @inline(__always)
    static func digits(_ value: UInt32) -> UInt64 {
        var nibbles = UInt64(value)
        nibbles = (nibbles | nibbles << 16) & 0x0000_FFFF_0000_FFFF
        nibbles = (nibbles | nibbles << 8) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles | nibbles << 4) & 0x0F0F_0F0F_0F0F_0F0F
        let isLetter = (nibbles &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return (nibbles &+ 0x3030_3030_3030_3030 &+ isLetter &* 39).byteSwapped
    }

    /// The number that `digits` lower-case digits from `offset` spell, at most 16, or nil.
    static func value(_ text: RawSpan, at offset: Int, digits: Int) -> UInt64? {
        var value: UInt64 = 0
        for i in offset..<offset + digits {
            let byte = text[i]
            if ASCII.isDigit(byte) {
                value = value << 4 | UInt64(byte &- UInt8(ascii: "0"))
            } else if byte &- UInt8(ascii: "a") < 6 {
                value = value << 4 | UInt64(byte &- UInt8(ascii: "a") &+ 10)
            } else {
                return nil
            }
        }
        return value
    }
}
