// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshSimulator

struct LogHistogramTests {
    /// What a sorted list says: the number at rank ⌈share · count⌉.
    static func exact(_ values: [UInt64], _ share: Double) -> UInt64 {
        let rank = max(1, Int((share * Double(values.count)).rounded(.up)))
        return values.sorted()[min(values.count, rank) - 1]
    }

    static let shares = [0, 0.01, 0.1, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1]

    @Test("small numbers are exact")
    func small() {
        var random = SplitMix64(seed: 11)
        var histogram = LogHistogram()
        var values: [UInt64] = []
        for _ in 0..<999 {
            values.append(UInt64(random.below(256)))
            histogram.add(values[values.count - 1])
        }
        for share in Self.shares {
            #expect(histogram.quantile(share) == Self.exact(values, share))
        }
    }

    @Test("quantiles of any numbers are within 0.4 % of those of a sorted list")
    func large() {
        var random = SplitMix64(seed: 12)
        for round in 0..<20 {
            var histogram = LogHistogram()
            var values: [UInt64] = []
            for _ in 0..<(1 + random.below(3000)) {
                values.append(random.next() >> UInt64(random.below(60) / (round % 5 + 1)))
                histogram.add(values[values.count - 1])
            }
            for share in Self.shares {
                let exact = Double(Self.exact(values, share))
                let found = Double(histogram.quantile(share) ?? 0)
                #expect(abs(found - exact) <= 0.004 * exact)
            }
            #expect(histogram.count == values.count)
            #expect(histogram.least == values.min())
            #expect(histogram.greatest == values.max())
            let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
            #expect(abs(histogram.mean / mean - 1) < 1e-9)
        }
    }

    @Test("two histograms added are one of all numbers")
    func sum() {
        var random = SplitMix64(seed: 13)
        var parts = [LogHistogram(precision: 4), LogHistogram(precision: 4)]
        var all = LogHistogram(precision: 4)
        for n in 0..<1000 {
            let value = random.next() >> UInt64(random.below(64))
            parts[n % 2].add(value)
            all.add(value)
        }
        parts[0].add(parts[1])
        #expect(Self.shares.allSatisfy { parts[0].quantile($0) == all.quantile($0) })
        #expect(parts[0].count == all.count)
        var empty = LogHistogram(precision: 4)
        empty.add(LogHistogram(precision: 4))
        #expect(empty.quantile(0.5) == nil)
        empty.add(all)
        #expect(empty.least == all.least && empty.quantile(0.3) == all.quantile(0.3))
    }
}
