// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The choice of one of a few weighted targets by the hash of a caller, so that the caller keeps
/// it: weighted rendezvous hashing.
///
/// Every target draws a time from the exponential distribution whose rate is its weight, by a hash
/// of the caller and of its own name; the first one wins. The chance to be first is a target's
/// share of the weights.
///
/// ```
///  caller ──hash──┬── with "stable" ──> 0.31 / 90 = 0.0034  <── first
///                 └── with "canary" ──> 0.09 / 10 = 0.0090
/// ```
///
/// A new weight changes one target's time and no other's, so that whoever moves goes to a target
/// whose share grows, or leaves one whose share shrinks. With two targets that is the least number
/// of callers that can move. With more, a target whose share stays the same may get some of those
/// that leave and lose as many: no choice without memory avoids that for every change, and none is
/// better than this one everywhere. A target that is left out gives its callers to the others by
/// their weights, and gets the same ones back.
///
/// **Source** Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998;
/// Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", SPAA 2005 (the logarithmic
/// method); Moulton and Jiang, "Maximally Consistent Sampling and the Jaccard Index of Probability
/// Distributions", ICDM 2018 (that none moves fewer everywhere).
extension WeightedSplit {
    /// Which of `weights` belongs to the caller whose hash is `hash`; a weight of 0 or less never
    /// does, and nil when no weight is above 0.
    ///
    /// **Shape** `seeds` has an element for each weight, a hash of the target's name. The same on
    /// every machine. **Complexity** O(n), without an allocation.
    package static func choose(
        _ weights: [Int], seeds: [UInt64], for hash: UInt64
    ) -> Int? {
        var chosen: Int?
        var first = Double.infinity
        for place in 0..<min(weights.count, seeds.count) where weights[place] > 0 {
            let seed = seeds[place]
            let drawn = StableHash.mix(StableHash.mix(hash ^ seed) &+ seed)
            let time = exponential(drawn) / Double(weights[place])
            if time < first { (first, chosen) = (time, place) }
        }
        return chosen
    }

    /// A draw from the exponential distribution of rate 1 by the bits of `hash`: minus the natural
    /// logarithm of a number between 0 and 1.
    ///
    /// The same on every machine, which those of a mathematics library need not be.
    static func exponential(_ hash: UInt64) -> Double {
        // 52 bits and a half, so that it is exact and neither 0 nor 1.
        -Elementary.ln((Double(hash >> 12) + 0.5) * 0x1p-52)
    }
}
