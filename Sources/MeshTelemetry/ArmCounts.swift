// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// The side of a rollout that a request went to.
package enum Arm: UInt8, CaseIterable, Sendable {
    /// What served before.
    case stable
    /// What is to take its place.
    case canary
    /// Copies that the canary got of requests which the stable target served.
    case mirror

    /// The label value.
    package var label: StaticString {
        switch self {
        case .stable: "stable"
        case .canary: "canary"
        case .mirror: "mirror"
        }
    }
}

/// What one arm of a rollout did in some stretch of time: plain sums, so that stretches add up
/// and shards merge in any order.
package struct ArmCounts: Hashable, Sendable, Codable {
    /// Requests that the arm was asked.
    package var requests: UInt64 = 0
    /// Those that it did not serve as it should.
    package var errors: UInt64 = 0
    /// From the request to the first token of an answer.
    package var firstTokens = TimeCounts()
    /// From the request to the end of an answer.
    package var latencies = TimeCounts()
    /// Tokens of a request, read and written.
    package var tokens = Moments()
    /// What a request cost, in trillionths of a unit of currency.
    package var costs = Moments()
    /// Copies whose answer was compared with that of the original.
    package var compared: UInt64 = 0
    /// Those whose answer agreed.
    package var agreed: UInt64 = 0

    /// Nothing.
    package init() {}

    /// Makes room for times, so that no observation has to.
    mutating func makeRoom() {
        firstTokens.grow()
        latencies.grow()
    }

    /// Adds what was counted in another stretch, or by another shard.
    package mutating func add(_ other: ArmCounts) {
        requests &+= other.requests
        errors &+= other.errors
        firstTokens.add(other.firstTokens)
        latencies.add(other.latencies)
        tokens.add(other.tokens)
        costs.add(other.costs)
        compared &+= other.compared
        agreed &+= other.agreed
    }

    /// What was counted since `earlier`, which these counts grew from.
    package func since(_ earlier: ArmCounts) -> ArmCounts {
        var rest = self
        rest.requests &-= earlier.requests
        rest.errors &-= earlier.errors
        rest.firstTokens.subtract(earlier.firstTokens)
        rest.latencies.subtract(earlier.latencies)
        rest.tokens.subtract(earlier.tokens)
        rest.costs.subtract(earlier.costs)
        rest.compared &-= earlier.compared
        rest.agreed &-= earlier.agreed
        return rest
    }
}

/// A histogram of times, fine enough to tell quantiles apart that differ by a tenth.
package struct TimeCounts: Hashable, Sendable, Codable {
    /// Observations by bucket of `layout`; empty for none.
    package private(set) var buckets: [UInt64] = []

    /// Nothing.
    package init() {}

    /// Eight buckets for each doubling, from 1 ms to 524 s.
    package static let layout = BucketLayout(
        (0..<153).map { step in
            // Thousandths of 2^(i/8).
            let parts: [UInt64] = [1_000, 1_091, 1_189, 1_297, 1_414, 1_542, 1_682, 1_834]
            return (parts[step % 8] * 1_000) << UInt64(step / 8)
        }, unit: .seconds)

    /// Counts `time`. **Complexity** constant; allocates for the first observation only.
    package mutating func observe(_ time: Nanoseconds) {
        if buckets.isEmpty { grow() }
        buckets[Self.layout.bucket(of: UInt64(max(0, time.rawValue)))] &+= 1
    }

    /// All observations.
    package var count: UInt64 { buckets.reduce(0, &+) }

    /// Observations above the bound of `bucket`.
    package func count(above bucket: Int) -> UInt64 {
        bucket + 1 < buckets.count ? buckets[(bucket + 1)...].reduce(0, &+) : 0
    }

    /// The time that `percent` of the observations do not exceed, found within its bucket by
    /// interpolation; nil without observations.
    package func quantile(percent: Int) -> Nanoseconds? {
        let total = count
        guard total > 0 else { return nil }
        let rank = Double(total) * Double(percent) / 100
        var below = 0.0
        for (bucket, count) in buckets.enumerated() where count > 0 {
            if below + Double(count) >= rank {
                let bounds = Self.layout.bounds
                let low = bucket == 0 ? 0 : Double(bounds[bucket - 1])
                let high = bucket < bounds.count ? Double(bounds[bucket]) : low
                let share = max(0, rank - below) / Double(count)
                return Nanoseconds(Int64(low + (high - low) * share))
            }
            below += Double(count)
        }
        return Nanoseconds(Int64(Self.layout.bounds[Self.layout.bounds.count - 1]))
    }

    mutating func add(_ other: TimeCounts) {
        if other.buckets.isEmpty { return }
        if buckets.isEmpty { grow() }
        for bucket in 0..<min(buckets.count, other.buckets.count) {
            buckets[bucket] &+= other.buckets[bucket]
        }
    }

    mutating func subtract(_ other: TimeCounts) {
        for bucket in 0..<min(buckets.count, other.buckets.count) {
            buckets[bucket] &-= other.buckets[bucket]
        }
    }

    /// Makes room, so that no observation has to.
    mutating func grow() {
        buckets = Array(repeating: 0, count: Self.layout.bucketCount)
    }

    /// Whether the buckets are those of `layout`; what was read from a file may have others.
    package var isSound: Bool { buckets.isEmpty || buckets.count == Self.layout.bucketCount }
}

/// The first two moments of some values, as sums.
package struct Moments: Hashable, Sendable, Codable {
    /// How many values.
    package private(set) var count: UInt64 = 0
    /// Their sum.
    package private(set) var sum: Double = 0
    /// The sum of their squares.
    package private(set) var squares: Double = 0

    /// No values.
    package init() {}

    /// Adds a value.
    package mutating func observe(_ value: Double) {
        count &+= 1
        sum += value
        squares += value * value
    }

    /// The mean, or 0 without values.
    package var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// The variance of one value, from the sample; 0 for fewer than two.
    package var variance: Double {
        guard count > 1 else { return 0 }
        let n = Double(count)
        return max(0, (squares - sum * sum / n) / (n - 1))
    }

    mutating func add(_ other: Moments) {
        count &+= other.count
        sum += other.sum
        squares += other.squares
    }

    mutating func subtract(_ other: Moments) {
        count &-= other.count
        sum -= other.sum
        squares -= other.squares
    }

    /// Whether the sums are numbers; what was read from a file may be anything.
    package var isSound: Bool { sum.isFinite && squares.isFinite }
}
