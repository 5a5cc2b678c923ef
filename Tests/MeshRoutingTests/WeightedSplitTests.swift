// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import Testing

@Suite("a weighted split")
struct WeightedSplitTests {
    @Test("gives each its share and weight 0 nothing")
    func shares() {
        var random = SplitMix64(seed: 1)
        var counts = [0, 0, 0, 0]
        for _ in 0..<20_000 {
            if let i = WeightedSplit.choose([0, 10, 0, 90], using: &random) { counts[i] += 1 }
        }
        #expect(counts[0] == 0 && counts[2] == 0)
        #expect(abs(counts[1] - 2000) < 200 && counts[1] + counts[3] == 20_000)
    }

    @Test("chooses nothing when nothing has weight")
    func nothing() {
        var random = SplitMix64(seed: 2)
        #expect(WeightedSplit.choose([Int](), using: &random) == nil)
        #expect(WeightedSplit.choose([0, 0], using: &random) == nil)
        #expect(WeightedSplit.choose([0, -3], using: &random) == nil)
    }

    @Test("survives absurd weights")
    func absurd() {
        var random = SplitMix64(seed: 3)
        for _ in 0..<100 {
            #expect(WeightedSplit.choose([.max, .max, .min], using: &random) != 2)
            #expect(WeightedSplit.choose([-1, .max], using: &random) == 1)
        }
    }

    @Test("looks at targets of rules and of models alike")
    func targets() {
        var random = SplitMix64(seed: 4)
        let targets = [
            WeightedTarget(weight: 0, destination: .invalid),
            WeightedTarget(weight: 1, destination: .backend(7)),
        ]
        #expect(WeightedSplit.choose(targets, using: &random) == 1)
        let models = [
            ModelTarget(weight: 5, backend: 1, upstreamModel: nil),
            ModelTarget(weight: 0, backend: 2, upstreamModel: nil),
        ]
        #expect(WeightedSplit.choose(models, using: &random) == 0)
    }
}
