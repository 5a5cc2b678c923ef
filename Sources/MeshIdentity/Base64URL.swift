// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The alphabet of tokens and keys, read strictly: one text for one value.
///
/// **Source** RFC 4648 section 5 without padding, as RFC 7515 appendix C asks. Padding, white
/// space and bits that no byte takes are refused, or a token could be written in many ways.
enum Base64URL {
    /// The bytes that `text` stands for, or nil when it is not exactly their one spelling.
    static func decode(_ text: RawSpan) -> [UInt8]? {
        let rest = text.byteCount % 4
        guard rest != 1 else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(text.byteCount / 4 * 3 + 2)
        var bits: UInt32 = 0
        var count = 0
        for i in 0..<text.byteCount {
            guard let digit = digit(text[i]) else { return nil }
            bits = bits &<< 6 | UInt32(digit)
            count &+= 6
            if count >= 8 {
                count &-= 8
                out.append(UInt8(truncatingIfNeeded: bits &>> UInt32(count)))
            }
        }
        let unused = (UInt32(1) &<< UInt32(count)) &- 1
        return bits & unused == 0 ? out : nil
    }

    /// The same of a text.
    static func decode(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        return decode(unsafe bytes.span.bytes)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte &- UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte &- UInt8(ascii: "a") &+ 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte &- UInt8(ascii: "0") &+ 52
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
