// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// The mesh's own 128-bit name of one exchange, written as a version 4 UUID.
///
/// **Source**: RFC 9562 §5.4.
package struct RequestID: Hashable, Sendable {
    /// The first 64 bits.
    package let high: UInt64
    /// The last 64 bits.
    package let low: UInt64

    /// The id of these bits.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new id with the version and variant bits of a random UUID.
    package init(using random: inout SplitMix64) {
        high = random.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x0000_0000_0000_4000
        low = random.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    }

    /// Appends the 36 characters of the id.
    package func append(to out: inout [UInt8]) {
        out.append(atMost: 36) { $0.uuid(self) }
    }

    /// Whether a caller's own `x-request-id` may be kept: 1 to 128 visible ASCII characters.
    package static func isAcceptable(_ text: RawSpan) -> Bool {
        guard text.byteCount > 0, text.byteCount <= Limits.requestIDBytes else { return false }
        for i in 0..<text.byteCount where text[i] <= 0x20 || text[i] >= 0x7F { return false }
        return true
    }
}
