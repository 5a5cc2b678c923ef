// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// The choice of one of a few weighted targets.
package enum WeightedSplit {
    /// Which of `weights` is drawn, each with its share of the sum; a weight of 0 or less never,
    /// and nil when no weight is above 0.
    ///
    /// **Complexity** O(n).
    package static func choose(_ weights: [Int], using random: inout SplitMix64) -> Int? {
        choose(count: weights.count, using: &random) { weights[$0] }
    }

    /// Which target of a rule is drawn; see `choose(_:using:)`.
    package static func choose(
        _ targets: [WeightedTarget], using random: inout SplitMix64
    ) -> Int? {
        choose(count: targets.count, using: &random) { targets[$0].weight }
    }

    /// Which target of a model is drawn; see `choose(_:using:)`.
    package static func choose(
        _ targets: [ModelTarget], using random: inout SplitMix64
    ) -> Int? {
        choose(count: targets.count, using: &random) { targets[$0].weight }
    }

    @inline(__always)
    private static func choose(
        count: Int, using random: inout SplitMix64, weight: (Int) -> Int
    ) -> Int? {
        // A weight is bounded so that no sum overflows; the Gateway API allows a million.
        let largest = 1 << 32
        var sum = 0
        for i in 0..<count { sum &+= max(0, min(weight(i), largest)) }
        guard sum > 0 else { return nil }
        var point = random.below(sum)
        for i in 0..<count {
            point &-= max(0, min(weight(i), largest))
            if point < 0 { return i }
        }
        return nil
    }
}
