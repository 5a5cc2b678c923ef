// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshWire

/// Reads the usage out of an answer that is one JSON document, however it is cut into reads.
///
/// Only the last few kilobytes are looked at, because servers write `usage` at the end; they are
/// copied only when the document comes in more than one read.
package struct AnswerMeter: Sendable {
    /// Bytes at the end of a document that are looked at.
    package static let tailBytesMax = 8 * 1024

    private var tail: [UInt8] = []
    private var hasStarted = false
    /// The usage found so far.
    package private(set) var usage: TokenUsage?

    /// A meter at the start of a document.
    package init() {}

    /// Looks at the next bytes; `isLast` when the document ends with them.
    package mutating func observe(_ bytes: RawSpan, isLast: Bool) {
        if !hasStarted, isLast {
            usage = UsageScanner.usage(inTail: bytes)
            return
        }
        hasStarted = true
        keep(bytes)
        if isLast { finish() }
    }

    /// The document has ended.
    package mutating func finish() {
        guard usage == nil, !tail.isEmpty else { return }
        usage = UsageScanner.usage(inTail: unsafe tail.span.bytes)
        tail = []
    }

    private mutating func keep(_ bytes: RawSpan) {
        if bytes.byteCount >= Self.tailBytesMax {
            tail.removeAll(keepingCapacity: true)
            tail.append(bytes.extracting(last: Self.tailBytesMax))
            return
        }
        let excess = tail.count + bytes.byteCount - Self.tailBytesMax
        if excess > 0 { tail.removeFirst(excess) }
        tail.append(bytes)
    }
}
