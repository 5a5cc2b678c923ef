// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshTelemetry
import Testing

@Suite("Histograms")
struct HistogramBankTests {
    static let layouts: [BucketLayout] = [
        .httpDuration, .generationDuration, .timeToFirstToken, .timePerOutputToken, .tokenUsage,
        BucketLayout([], unit: .count), BucketLayout([0, 1, 2, 3], unit: .count),
        BucketLayout([.max], unit: .count),
    ]

    /// The bucket by definition: the first whose bound is not below the value.
    private func expected(_ value: UInt64, _ layout: BucketLayout) -> Int {
        layout.bounds.firstIndex { value <= $0 } ?? layout.bounds.count
    }

    @Test(
        "a bound itself belongs to its bucket and the next number to the one above",
        arguments: layouts)
    func edges(_ layout: BucketLayout) {
        for bound in layout.bounds {
            for value in [bound == 0 ? 0 : bound - 1, bound, bound == .max ? .max : bound + 1] {
                #expect(layout.bucket(of: value) == expected(value, layout))
            }
        }
        #expect(layout.bucket(of: 0) == expected(0, layout))
        #expect(layout.bucket(of: .max) == expected(.max, layout))
    }

    @Test("any number falls into the bucket of the definition", arguments: layouts)
    func randomNumbers(_ layout: BucketLayout) {
        var random = SplitMix64(seed: 11)
        for _ in 0..<5_000 {
            let value = random.next() >> UInt64(random.below(64))
            #expect(layout.bucket(of: value) == expected(value, layout), "seed 11, \(value)")
        }
    }

    @Test("the bounds are those of the conventions")
    func conventions() {
        #expect(BucketLayout.generationDuration.bounds.first == 10_000_000)
        #expect(BucketLayout.generationDuration.bounds.last == 81_920_000_000)
        #expect(BucketLayout.tokenUsage.bounds.last == 67_108_864)
        #expect(BucketLayout.timeToFirstToken.bounds.count == 16)
        #expect(BucketLayout.timePerOutputToken.bounds.count == 13)
        for layout in Self.layouts {
            #expect(zip(layout.bounds, layout.bounds.dropFirst()).allSatisfy { $0 < $1 })
        }
    }

    @Test("counts of buckets add up to the observations of their own row only")
    func sums() {
        var bank = HistogramBank(.httpDuration)
        bank.grow(to: 3)
        var random = SplitMix64(seed: 12)
        var sums: [UInt64] = [0, 0, 0]
        var counts: [UInt64] = [0, 0, 0]
        for _ in 0..<3_000 {
            let row = random.below(3)
            let value = random.next() >> 24
            bank.observe(value, at: row)
            sums[row] += value
            counts[row] += 1
        }
        for row in 0..<3 {
            #expect(bank.sum(at: row) == sums[row], "seed 12")
            #expect(bank.count(at: row) == counts[row], "seed 12")
        }
    }

    @Test("a sum stays at its highest value and does not go back")
    func saturation() {
        var bank = HistogramBank(.tokenUsage)
        bank.grow(to: 1)
        bank.observe(.max, at: 0)
        bank.observe(.max, at: 0)
        #expect(bank.sum(at: 0) == .max)
        #expect(bank.count(at: 0) == 2)
    }

    @Test("a counter stays at its highest value and growing keeps what was counted")
    func counters() {
        var bank = CounterBank(width: 2)
        bank.grow(to: 1)
        bank.add(.max - 1, row: 0, column: 1)
        bank.add(5, row: 0, column: 1)
        bank.grow(to: 4)
        bank.grow(to: 2)
        #expect(bank[0, 1] == .max)
        #expect(bank[0, 0] == 0)
        #expect(bank.rows == 4)
    }
}
