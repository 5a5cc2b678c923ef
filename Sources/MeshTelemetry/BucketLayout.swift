// SPDX-License-Identifier: Apache-2.0

/// The upper bounds of a histogram's buckets, as integers, with a quick way to find one.
///
/// A bucket counts values at or below its bound; one more bucket counts all that is higher. The
/// search starts at the first bound that a number of that many bits can need, so a layout that
/// doubles costs one comparison and the densest of ours four.
package struct BucketLayout: Hashable, Sendable {
    /// Upper bounds, rising; nanoseconds when `unit` is seconds.
    package let bounds: [UInt64]
    /// What one step of a bound means.
    package let unit: Unit
    private let firstBucketByBitWidth: [UInt8]

    /// What the recorded integers count.
    package enum Unit: Hashable, Sendable {
        /// Nanoseconds, shown as seconds.
        case seconds
        /// Plain counts, shown as they are.
        case count
        /// Ten-thousandths, shown as fractions.
        case fraction
    }

    /// A layout of `bounds`, which rise and number at most 254.
    package init(_ bounds: [UInt64], unit: Unit) {
        precondition(bounds.count < 255, "a layout has at most 254 bounds")
        self.bounds = bounds
        self.unit = unit
        var starts: [UInt8] = []
        for bitWidth in 0...64 {
            let smallest: UInt64 = bitWidth == 0 ? 0 : 1 << UInt64(bitWidth - 1)
            starts.append(UInt8(bounds.firstIndex { $0 >= smallest } ?? bounds.count))
        }
        self.firstBucketByBitWidth = starts
    }

    /// Count of buckets, the one without an upper bound included.
    package var bucketCount: Int { bounds.count + 1 }

    /// The bucket that counts `value`. **Complexity**: at most as many comparisons as there are
    /// bounds between two powers of two.
    @inline(__always)
    package func bucket(of value: UInt64) -> Int {
        var bucket = Int(firstBucketByBitWidth[64 &- value.leadingZeroBitCount])
        while bucket < bounds.count, value > bounds[bucket] { bucket &+= 1 }
        return bucket
    }
}

extension BucketLayout {
    /// Bounds in microseconds of wall time.
    private static func microseconds(_ bounds: [UInt64]) -> BucketLayout {
        BucketLayout(bounds.map { $0 * 1_000 }, unit: .seconds)
    }

    /// Any HTTP request: the advice of the OpenTelemetry HTTP conventions (5 ms to 10 s), widened
    /// to 1 ms for services next door and to 300 s for long generations.
    package static let httpDuration = microseconds([
        1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000,
        1_000_000, 2_500_000, 5_000_000, 7_500_000, 10_000_000, 30_000_000, 60_000_000,
        120_000_000, 300_000_000,
    ])

    /// A question to a service next door: 250 us to 30 s.
    package static let engineDuration = microseconds([
        250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 200_000, 500_000,
        1_000_000, 5_000_000, 30_000_000,
    ])

    /// A whole generation: 10 ms doubling to 81.92 s.
    package static let generationDuration = microseconds((0..<14).map { 10_000 << UInt64($0) })

    /// The wait for the first token.
    package static let timeToFirstToken = microseconds([
        1_000, 5_000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000, 250_000, 500_000, 750_000,
        1_000_000, 2_500_000, 5_000_000, 7_500_000, 10_000_000,
    ])

    /// The time between two tokens.
    package static let timePerOutputToken = microseconds([
        10_000, 25_000, 50_000, 75_000, 100_000, 150_000, 200_000, 300_000, 400_000, 500_000,
        750_000, 1_000_000, 2_500_000,
    ])

    /// How much two texts mean the same: most answers of two versions of a model are close to 1.
    package static let similarity = BucketLayout(
        [2_500, 5_000, 7_000, 8_000, 8_500, 9_000, 9_250, 9_500, 9_750, 9_900, 9_950, 10_000],
        unit: .fraction)

    /// Tokens of one request: 1 times four up to 67,108,864.
    package static let tokenUsage = BucketLayout(
        (0..<14).map { 1 << (2 * UInt64($0)) }, unit: .count)
}
