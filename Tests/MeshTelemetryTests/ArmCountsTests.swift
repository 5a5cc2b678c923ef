// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshTelemetry
import Testing

/// Counts of arms add up, and quantiles lie where the values do.
@Suite("counts of the arms of a rollout")
struct ArmCountsTests {
    @Test("a quantile is within a tenth of the true one", arguments: [50, 90, 95, 99])
    func quantiles(percent: Int) throws {
        var random = SplitMix64(seed: 41)
        var times = TimeCounts()
        var values: [Int64] = []
        for _ in 0..<20_000 {
            let value = Int64(2e6 * Elementary.exp(random.fraction() * 10))
            values.append(value)
            times.observe(Nanoseconds(value))
        }
        values.sort()
        let truth = Double(values[values.count * percent / 100 - 1])
        let found = Double(try #require(times.quantile(percent: percent)).rawValue)
        #expect(abs(found / truth - 1) < 0.1)
        #expect(times.count == 20_000)
    }

    @Test("buckets rise by less than a tenth, from 1 ms to minutes")
    func layout() {
        let bounds = TimeCounts.layout.bounds
        #expect(bounds.first == 1_000_000)
        #expect((bounds.last ?? 0) > 500_000_000_000)
        for (low, high) in zip(bounds, bounds.dropFirst()) {
            #expect(Double(high) / Double(low) < 1.1 && high > low)
        }
    }

    @Test("nothing has no quantile, and the longest time is the last bound")
    func ends() {
        var times = TimeCounts()
        #expect(times.quantile(percent: 95) == nil)
        #expect(times.count(above: 3) == 0)
        times.observe(.seconds(100_000))
        #expect(times.quantile(percent: 95).map { $0 > .seconds(500) } == true)
        #expect(times.count(above: TimeCounts.layout.bounds.count - 1) == 1)
        #expect(times.count(above: TimeCounts.layout.bounds.count) == 0)
    }

    @Test("what was counted since is what was counted in between")
    func since() {
        func some(_ seed: UInt64) -> ArmCounts {
            var random = SplitMix64(seed: seed)
            var counts = ArmCounts()
            for _ in 0..<50 {
                counts.requests += 1
                counts.errors += random.below(2) == 0 ? 1 : 0
                counts.latencies.observe(.milliseconds(Int64(random.below(900))))
                counts.tokens.observe(Double(random.below(1_000)))
                counts.compared += 2
                counts.agreed += 1
            }
            return counts
        }
        let first = some(1)
        var both = first
        both.add(some(2))
        #expect(both.since(first) == some(2))
        #expect(both.since(ArmCounts()) == both)
        #expect(both.latencies.count == 100)
    }

    @Test("moments give the mean and the variance of a sample")
    func moments() {
        var moments = Moments()
        #expect(moments.mean == 0 && moments.variance == 0)
        for value in [2.0, 4, 4, 4, 5, 5, 7, 9] { moments.observe(value) }
        #expect(moments.mean == 5)
        #expect(abs(moments.variance - 32.0 / 7) < 1e-12)
    }
}
