// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// Where an exchange stands in a distributed trace.
///
/// A caller's trace is kept when its `traceparent` is right in every byte and replaced when not:
/// half-read ids would join strangers' requests. What goes upstream names the same trace and our
/// own span as the parent.
///
/// **Source**: W3C Trace Context Level 2, §3.2 and §4.
package struct TraceContext: Hashable, Sendable {
    /// The first 64 bits of the trace's id.
    package let traceHigh: UInt64
    /// The last 64 bits of the trace's id.
    package let traceLow: UInt64
    /// The caller's span; 0 when the trace begins here.
    package let parent: UInt64
    /// Our own span.
    package let span: UInt64
    /// The flags that go upstream: bit 0 sampled, bit 1 random trace id.
    package let flags: UInt8

    /// A context of these parts, for tests and for reading a record back.
    package init(
        traceHigh: UInt64, traceLow: UInt64, parent: UInt64, span: UInt64, flags: UInt8
    ) {
        self.traceHigh = traceHigh
        self.traceLow = traceLow
        self.parent = parent
        self.span = span
        self.flags = flags
    }

    /// A trace that begins here.
    package init(sampled: Bool, using random: inout SplitMix64) {
        self.init(
            traceHigh: random.next(), traceLow: Self.nonzero(&random), parent: 0,
            span: Self.nonzero(&random), flags: sampled ? 0x03 : 0x02)
    }

    /// The caller's trace with a span of our own, or nil when `traceparent` is not valid.
    ///
    /// **Shape**: exactly the 55 bytes of version 00; a later version may be longer, its first 55
    /// bytes are read as version 00 and the 56th must be a hyphen. Flags unknown to us are not
    /// passed on.
    package init?(traceparent text: RawSpan, using random: inout SplitMix64) {
        let hyphen = UInt8(ascii: "-")
        guard text.byteCount >= 55, text[2] == hyphen, text[35] == hyphen, text[52] == hyphen,
            let version = Hexadecimal.value(text, at: 0, digits: 2), version != 0xFF,
            let high = Hexadecimal.value(text, at: 3, digits: 16),
            let low = Hexadecimal.value(text, at: 19, digits: 16), high | low != 0,
            let parent = Hexadecimal.value(text, at: 36, digits: 16), parent != 0,
            let flags = Hexadecimal.value(text, at: 53, digits: 2)
        else { return nil }
        if text.byteCount > 55 {
            guard version != 0, text[55] == hyphen else { return nil }
        }
        self.init(
            traceHigh: high, traceLow: low, parent: parent, span: Self.nonzero(&random),
            flags: UInt8(flags & 0x03))
    }

    /// Whether the caller asked for this trace to be recorded.
    package var isSampled: Bool { flags & 1 != 0 }

    /// Appends the value of the `traceparent` header for the next hop (55 bytes).
    package func append(traceparentTo out: inout [UInt8]) {
        out.append(atMost: 55) { sink in
            sink.literal("00-")
            sink.hexadecimal(traceHigh)
            sink.hexadecimal(traceLow)
            sink.byte(UInt8(ascii: "-"))
            sink.hexadecimal(span)
            sink.byte(UInt8(ascii: "-"))
            sink.hexadecimal(byte: flags)
        }
    }

    private static func nonzero(_ random: inout SplitMix64) -> UInt64 {
        let bits = random.next()
        return bits == 0 ? 1 : bits
    }
}
