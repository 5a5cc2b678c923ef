// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// Receipts that could not be written down, told in the log itself so that nobody takes a log with
/// a hole for a whole one.
///
/// ```
/// {"time":"2026-11-27T09:00:02.000Z",
///  "residency_gap":{"records":3,"since":"2026-11-27T09:00:01.000Z"}}
/// ```
package struct ReceiptGap: Hashable, Sendable {
    /// How many.
    package private(set) var receipts = 0
    /// When the first of them was lost.
    package private(set) var since: WallTime?

    /// Nothing was lost.
    package init() {}

    /// `count` more were lost at `time`.
    package mutating func add(_ count: Int, at time: WallTime) {
        guard count > 0 else { return }
        receipts += count
        if since == nil { since = time }
    }

    /// What is told already counts no more.
    package mutating func remove(_ told: ReceiptGap) {
        receipts = max(0, receipts - told.receipts)
        if receipts == 0 { since = nil }
    }

    /// The line that tells it at `time`.
    package func line(until time: WallTime) -> [UInt8] {
        var out: [UInt8] = []
        out.append("{\"time\":\"")
        time.appendRFC3339(to: &out)
        out.append("\",\"residency_gap\":{\"records\":")
        out.appendDecimal(receipts)
        out.append(",\"since\":\"")
        (since ?? time).appendRFC3339(to: &out)
        out.append("\"}}\n")
        return out
    }
}
