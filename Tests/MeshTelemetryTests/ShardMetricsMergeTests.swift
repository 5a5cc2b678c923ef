// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshTelemetry
import Testing

@Suite("Merging shards")
struct ShardMetricsMergeTests {
    /// One random thing that happens to a shard; the same draws give the same event.
    private func event(on metrics: inout ShardMetrics, using random: inout SplitMix64) {
        let names = ["a", "b", "c", "other", "none"]
        let codes: [StaticString] = ["no-route", "budget-exhausted", "upstream-cut", "other"]
        let route = metrics.routeSeries(
            route: names[random.below(5)], backend: names[random.below(5)])
        let backend = metrics.backendSeries(backend: names[random.below(5)])
        var record = Samples.chat()
        record.total = Nanoseconds(Int64(random.next() >> 28))
        record.status = [0, 200, 200, 404, 429, 502][random.below(6)]
        record.tokens = TokenCounts(input: random.next() >> 50, output: random.next() >> 55)
        record.flags = ExchangeFlags(rawValue: UInt8(random.below(64)))
        if random.below(3) == 0 {
            let currency = Currency(["USD", "EUR"][random.below(2)]) ?? .usd
            record.cost = Cost(trillionths: random.next() >> 30, currency: currency)
        }
        let counts = (0..<6).map { _ in random.next() >> 55 }
        metrics.countLimit(policy: names[random.below(5)], limit: names[random.below(5)], counts)
        if random.below(3) == 0 { record.refusal = codes[random.below(4)] }
        var model: ModelSeriesID?
        if random.below(2) == 0 {
            model = metrics.modelSeries(
                operation: "chat", provider: names[random.below(5)],
                requestModel: names[random.below(5)], responseModel: "m", backend: "b")
        }
        metrics.record(record, route: route, model: model)
        metrics.countAttempt(AttemptResult.allCases[random.below(8)], backend: backend)
        metrics.countRetry(RetryReason.allCases[random.below(6)], backend: backend)
        metrics.countEjection(EjectionReason.allCases[random.below(4)], backend: backend)
        metrics.mesh.activeRequests += Int64(random.below(5)) - 2
        metrics.mesh.downstreamOpened += 1
        metrics.mesh.upstreamIdle += 1
        metrics.mesh.accessLogDropped += 3
        metrics.mesh.recordingsDropped += 6
        metrics.mesh.retryBudgetExhausted += 1
    }

    private func merged(_ parts: [ShardMetrics]) -> ShardMetrics {
        var sum = ShardMetrics()
        for part in parts { sum.merge(part) }
        return sum
    }

    @Test(
        "three shards merged in any order and grouping show what one shard would",
        arguments: [UInt64](1...12))
    func orderDoesNotMatter(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var shards = [ShardMetrics(), ShardMetrics(), ShardMetrics()]
        var single = ShardMetrics()
        for _ in 0..<120 {
            let shard = random.below(3)
            var copy = random
            event(on: &single, using: &copy)
            event(on: &shards[shard], using: &random)
        }
        let expected = Samples.page(single)
        let (a, b, c) = (shards[0], shards[1], shards[2])
        for order in [[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
            #expect(Samples.page(merged(order)) == expected, "seed \(seed)")
        }
        var right = b
        right.merge(c)
        var grouped = a
        grouped.merge(right)
        #expect(Samples.page(grouped) == expected, "seed \(seed)")
    }

    @Test("merging leaves the shard as it was")
    func valueSemantics() {
        var random = SplitMix64(seed: 5)
        var shard = ShardMetrics()
        for _ in 0..<20 { event(on: &shard, using: &random) }
        let before = Samples.page(shard)
        var sum = shard
        sum.merge(shard)
        #expect(Samples.page(shard) == before)
        #expect(Samples.page(sum) != before)
    }

    @Test("endpoint states are the highest that any shard sees and not their sum")
    func endpointStates() {
        var (a, b) = (ShardMetrics(), ShardMetrics())
        a.setEndpoints(3, .healthy, backend: a.backendSeries(backend: "x"))
        _ = b.backendSeries(backend: "y")
        let backend = b.backendSeries(backend: "x")
        b.setEndpoints(2, .healthy, backend: backend)
        b.setEndpoints(1, .ejected, backend: backend)
        for sum in [merged([a, b]), merged([b, a])] {
            let page = Samples.page(sum)
            #expect(page.contains("pinion_endpoints{backend=\"x\",state=\"healthy\"} 3\n"))
            #expect(page.contains("pinion_endpoints{backend=\"x\",state=\"ejected\"} 1\n"))
            #expect(!page.contains("backend=\"y\",state="))
        }
    }

    @Test("a merged value goes on counting under the right labels")
    func countingOn() {
        var shards = [ShardMetrics(), ShardMetrics()]
        _ = shards[0].routeSeries(route: "r", backend: "x")
        _ = shards[1].routeSeries(route: "r", backend: "y")
        _ = shards[1].routeSeries(route: "r", backend: "z")
        var sum = merged(shards)
        var record = Samples.plain()
        record.flags = [.truncated]
        let route = sum.routeSeries(route: "r", backend: "z")
        sum.record(record, route: route, model: nil)
        let page = Samples.page(sum)
        #expect(page.contains("pinion_requests_total{route=\"r\",backend=\"z\",code=\"200\"} 1\n"))
        #expect(page.contains("pinion_streams_truncated_total{backend=\"z\"} 1\n"))
    }

    @Test("full tables lose nothing when they are merged")
    func fullTables() {
        var shards = [ShardMetrics(), ShardMetrics()]
        for shard in 0..<2 {
            for i in 0..<Limits.seriesPerTable + 10 {
                let route = shards[shard].routeSeries(route: "r\(shard)-\(i)", backend: "b")
                shards[shard].record(Samples.plain(), route: route, model: nil)
            }
        }
        let pages = [merged(shards), merged(shards.reversed())].map { Samples.page($0) }
        #expect(pages[0] == pages[1])
        let lines = pages[0].lines(startingWith: "pinion_requests_total")
        #expect(lines.count == 2 * Limits.seriesPerTable + 1)
        #expect(pages[0].contains("{route=\"other\",backend=\"other\",code=\"200\"} 20\n"))
    }
}
