// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Names and values of query parameters, read the way servers read them: `%41` is `A` and `+` is
/// a space. A percent sign that no two hexadecimal digits follow stands for itself.
///
/// **Source** WHATWG URL, section 5.1 (`application/x-www-form-urlencoded` parsing).
extension RawSpan {
    /// Whether decoding would change anything.
    var isFormEncoded: Bool {
        firstIndex(of: UInt8(ascii: "%")) != nil || firstIndex(of: UInt8(ascii: "+")) != nil
    }

    /// Whether the decoded bytes are `plain`. Allocates nothing.
    func formDecodedEquals(_ plain: RawSpan) -> Bool {
        var at = 0
        var i = 0
        while i < byteCount {
            guard at < plain.byteCount, formDecodedByte(at: &i) == plain[at] else { return false }
            at &+= 1
        }
        return at == plain.byteCount
    }

    /// The decoded bytes. Allocates.
    var formDecoded: [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(byteCount)
        var i = 0
        while i < byteCount { decoded.append(formDecodedByte(at: &i)) }
        return decoded
    }

    /// The byte that stands at `i`, which moves behind it; `i` is below `byteCount`.
    @inline(__always)
    private func formDecodedByte(at i: inout Int) -> UInt8 {
        let byte = self[i]
        i &+= 1
        if byte == UInt8(ascii: "+") { return UInt8(ascii: " ") }
        guard byte == UInt8(ascii: "%"), i &+ 1 < byteCount,
            let high = ASCII.hexValue(self[i]), let low = ASCII.hexValue(self[i &+ 1])
        else { return byte }
        i &+= 2
        return high &<< 4 | low
    }
}
