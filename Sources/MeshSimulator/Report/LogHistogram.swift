// SPDX-License-Identifier: Apache-2.0

/// Counts whole numbers in buckets whose width grows with the number, so that any count of them
/// fits a small memory and every quantile is right to a known part.
///
/// Each power of two is cut into `2^precision` buckets: with 7, a quantile is within 0.4 % of
/// the exact one; numbers below 256 are exact.
///
/// **Source**: Tene, HdrHistogram; the layout is the same but for its fixed range.
package struct LogHistogram: Hashable, Sendable {
    private let precision: Int
    private var counts: [UInt32] = []
    /// Numbers counted.
    package private(set) var count = 0
    /// The least number; 0 when none was counted.
    package private(set) var least: UInt64 = 0
    /// The greatest number.
    package private(set) var greatest: UInt64 = 0
    private var sum = 0.0

    /// A histogram in which nothing is counted; `precision` is 0 to 16.
    package init(precision: Int = 7) { self.precision = precision }

    /// The mean; 0 when nothing was counted.
    package var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// Counts `value`. **Complexity**: O(1), but for the first of its size.
    package mutating func add(_ value: UInt64) {
        let bucket = bucket(of: value)
        if bucket >= counts.count {
            counts.append(contentsOf: repeatElement(0, count: bucket + 1 - counts.count))
        }
        counts[bucket] += counts[bucket] == .max ? 0 : 1
        least = count == 0 ? value : min(least, value)
        greatest = max(greatest, value)
        count += 1
        sum += Double(value)
    }

    /// Counts all that `other`, which has the same precision, counted.
    package mutating func add(_ other: LogHistogram) {
        guard other.count > 0 else { return }
        if other.counts.count > counts.count {
            counts.append(
                contentsOf: repeatElement(0, count: other.counts.count - counts.count))
        }
        for bucket in other.counts.indices {
            let (sum, isOver) = counts[bucket].addingReportingOverflow(other.counts[bucket])
            counts[bucket] = isOver ? .max : sum
        }
        least = count == 0 ? other.least : min(least, other.least)
        greatest = max(greatest, other.greatest)
        count += other.count
        sum += other.sum
    }

    /// The number that a share of all lie at or below, or nil when nothing was counted.
    ///
    /// **Shape** `share` is 0 to 1; the number at rank ⌈share · count⌉.
    package func quantile(_ share: Double) -> UInt64? {
        guard count > 0 else { return nil }
        let rank = min(count, max(1, Int((share * Double(count)).rounded(.up))))
        if rank == 1 { return least }
        if rank == count { return greatest }
        var seen = 0
        for (bucket, held) in counts.enumerated() {
            seen += Int(held)
            if seen >= rank { return min(greatest, max(least, middle(of: bucket))) }
        }
        return greatest
    }

    private func bucket(of value: UInt64) -> Int {
        let width = 64 - value.leadingZeroBitCount
        let shift = max(0, width - precision - 1)
        return shift << precision + Int(value >> UInt64(shift))
    }

    private func middle(of bucket: Int) -> UInt64 {
        guard bucket >= 2 << precision else { return UInt64(bucket) }
        let shift = bucket >> precision - 1
        let low = UInt64(bucket - shift << precision) << UInt64(shift)
        return low + (1 << UInt64(shift)) / 2
    }
}
