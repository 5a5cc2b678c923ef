// SPDX-License-Identifier: Apache-2.0

import MeshBasics
@testable import MeshRouting
import Testing

@Suite("a sampler")
struct SamplerTests {
    @Test("keeps the shares of random weights, at random and in turn", arguments: 0..<30)
    func shares(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let weights = (0..<(1 + random.below(12))).map { _ in Int32(1 + random.below(20)) }
        let sampler = Sampler(slots: weights.indices.map { Int32($0) }, weights: weights)
        let total = weights.reduce(0) { $0 + Int($1) }
        let isEven = weights.allSatisfy { $0 == weights[0] }
        let round = isEven ? weights.count : total
        var turns = weights.map { _ in 0 }
        for turn in 0..<(round * 3) { turns[sampler.place(atTurn: UInt64(turn + seed))] += 1 }
        #expect(turns == weights.map { isEven ? 3 : Int($0) * 3 }, "seed \(seed): \(weights)")
        var draws = weights.map { _ in 0 }
        for _ in 0..<10_000 { draws[sampler.place(using: &random)] += 1 }
        for (drawn, weight) in zip(draws, weights) {
            let wanted = Double(weight) / Double(total)
            // Five standard deviations.
            let tolerance = 5 * (wanted * (1 - wanted) * 10_000).squareRoot() + 1
            #expect(abs(Double(drawn) - wanted * 10_000) < tolerance, "seed \(seed): \(weights)")
        }
    }

    @Test("draws another place than the first, if there is one")
    func another() {
        var random = SplitMix64(seed: 1)
        let alone = Sampler(slots: [7], weights: [3])
        #expect(alone.place(otherThan: 0, using: &random) == nil)
        for weights in [[1, 1], [1, 3]] as [[Int32]] {
            let two = Sampler(slots: [7, 8], weights: weights)
            for place in 0..<2 {
                let other = (0..<20).compactMap { _ in
                    two.place(otherThan: place, using: &random)
                }
                #expect(!other.isEmpty && other.allSatisfy { $0 == 1 - place })
            }
        }
    }
}
