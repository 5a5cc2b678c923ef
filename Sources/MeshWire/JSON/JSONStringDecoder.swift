// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Turns the raw contents of a JSON string, without its quotes, into the bytes it stands for.
package enum JSONStringDecoder {
    /// The UTF-8 bytes that `contents` stand for.
    ///
    /// **Errors** unknown escapes and lone surrogates; offsets count from the first byte of
    /// `contents`. Bytes outside escapes are copied as they are: the scanner has judged them.
    package static func decode(_ contents: RawSpan) throws(JSONFault) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(contents.byteCount)
        var i = 0
        while let backslash = contents.firstIndex(of: UInt8(ascii: "\\"), from: i) {
            out.append(contents.extracting(i..<backslash))
            let end = try JSONGrammar.skipEscape(contents, from: backslash)
            UTF8Sequence.append(escaped(contents, at: backslash, end: end), to: &out)
            i = end
        }
        out.append(contents.extracting(i..<contents.byteCount))
        return out
    }

    /// The scalar of the valid escape in `offset ..< end`.
    static func escaped(_ bytes: RawSpan, at offset: Int, end: Int) -> UInt32 {
        if end &- offset == 2 {
            switch bytes[offset &+ 1] {
            case UInt8(ascii: "b"): return 0x08
            case UInt8(ascii: "f"): return 0x0C
            case UInt8(ascii: "n"): return 0x0A
            case UInt8(ascii: "r"): return 0x0D
            case UInt8(ascii: "t"): return 0x09
            default: return UInt32(bytes[offset &+ 1])
            }
        }
        let high = unit(bytes, at: offset &+ 2)
        if end &- offset == 6 { return high }
        let low = unit(bytes, at: offset &+ 8)
        return 0x10000 &+ ((high & 0x3FF) &<< 10 | (low & 0x3FF))
    }

    /// The value of four hexadecimal digits that were checked before.
    private static func unit(_ bytes: RawSpan, at offset: Int) -> UInt32 {
        var unit: UInt32 = 0
        for i in offset..<offset &+ 4 {
            unit = unit &<< 4 | UInt32(ASCII.hexValue(bytes[i]) ?? 0)
        }
        return unit
    }
}
