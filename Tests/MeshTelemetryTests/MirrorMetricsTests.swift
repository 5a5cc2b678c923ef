// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshTelemetry
import Testing

@Suite("Totals of mirrors")
struct MirrorMetricsTests {
    private let labels = MirrorLabels(route: "models", model: "ns/story", mirror: "ns/next")

    private func answer(
        _ status: UInt16 = 200, isGood: Bool = true, first: Int64? = 100, total: Int64 = 900,
        tokens: TokenCounts = TokenCounts(), cost: Cost? = nil
    ) -> ComparedAnswer {
        ComparedAnswer(
            status: status, isGood: isGood, firstByte: first.map { .milliseconds($0) },
            total: .milliseconds(total), tokens: tokens, cost: cost)
    }

    @Test("nothing is told before there is a mirror")
    func empty() {
        var metrics = ShardMetrics()
        #expect(metrics.mirrorComparisons.isEmpty)
        _ = metrics.mirrorSeries(labels)
        #expect(metrics.mirrorComparisons.isEmpty)
    }

    @Test("a pair counts on both sides, and sums are over pairs of which both sides speak")
    func pairs() throws {
        var metrics = ShardMetrics()
        let series = metrics.mirrorSeries(labels)
        let tokens = TokenCounts(input: 10, output: 20)
        metrics.countPair(
            ComparedPair(
                primary: answer(tokens: tokens, cost: Cost(trillionths: 5, currency: .usd)),
                mirror: answer(
                    first: 150, total: 700, tokens: TokenCounts(input: 11, output: 25),
                    cost: Cost(trillionths: 3, currency: .usd)),
                content: .init(
                    sameText: false, sameStructure: true, sameValues: false, sameTools: true,
                    similarity: 9_400)),
            series)
        // A mirror that fails has no say in sums of what answers took.
        metrics.countPair(
            ComparedPair(
                primary: answer(tokens: tokens),
                mirror: answer(503, isGood: false, first: 1, total: 2)), series)
        // One that says no counts and costs another currency is left out of those sums.
        metrics.countPair(
            ComparedPair(
                primary: answer(tokens: tokens, cost: Cost(trillionths: 7, currency: .usd)),
                mirror: answer(
                    first: nil,
                    cost: Currency("EUR").map { Cost(trillionths: 8, currency: $0) }),
                content: .init(sameText: true, sameStructure: true)), series)
        metrics.countCopy(.answered, series)
        metrics.countCopy(.busy, series)
        let found = try #require(metrics.mirrorComparisons.first)
        #expect(metrics.mirrorComparisons.count == 1)
        #expect(found.labels == labels)
        let totals = found.totals
        #expect(totals.compared == 3)
        #expect(totals.sameStatus == 2)
        #expect(totals.contents == 2)
        #expect(totals.sameText == 1)
        #expect(totals.sameStructure == 2)
        #expect((totals.documents, totals.sameValues) == (1, 0))
        #expect(totals.toolCalls == 1)
        #expect(totals.sameTools == 1)
        #expect(totals.similarities == 1)
        #expect(totals.meanSimilarity == 0.94)
        #expect(totals.counted == 1)
        #expect(totals.priced == 1)
        #expect(totals.primary.good == 3)
        #expect(totals.mirror.good == 2)
        #expect(totals.primary.firstBytes == 2)
        #expect(totals.primary.firstByteSum == 200_000_000)
        #expect(totals.mirror.firstByteSum == 151_000_000)
        #expect(totals.primary.totals == 2)
        #expect(totals.primary.totalSum == 1_800_000_000)
        #expect(totals.mirror.totalSum == 1_600_000_000)
        #expect((totals.primary.tokensIn, totals.primary.tokensOut) == (10, 20))
        #expect((totals.mirror.tokensIn, totals.mirror.tokensOut) == (11, 25))
        #expect((totals.primary.cost, totals.mirror.cost) == (5, 3))
        #expect(totals.copies[Int(CopyResult.answered.rawValue)] == 1)
        #expect(totals.copies[Int(CopyResult.busy.rawValue)] == 1)
    }

    @Test("two shards that saw mirrors in another order add up to what one would have")
    func merge() {
        let other = MirrorLabels(
            route: "models", model: "ns/story", mirror: "ns/next", mirrorModel: "v3")
        var shards = [ShardMetrics(), ShardMetrics(), ShardMetrics()]
        var single = ShardMetrics()
        func count(_ labels: MirrorLabels, _ similarity: UInt16, on metrics: inout ShardMetrics) {
            let series = metrics.mirrorSeries(labels)
            metrics.countPair(
                ComparedPair(
                    primary: answer(), mirror: answer(),
                    content: .init(sameText: true, sameStructure: true, similarity: similarity)),
                series)
            metrics.countGap(.budget, series)
        }
        for (shard, labels, value) in [
            (0, labels, 1), (1, other, 2), (0, other, 3), (1, labels, 4),
        ] {
            count(labels, UInt16(value), on: &shards[shard])
            count(labels, UInt16(value), on: &single)
        }
        var sum = ShardMetrics()
        for part in shards { sum.merge(part) }
        let found = sum.mirrorComparisons
        let wanted = single.mirrorComparisons
        #expect(found.map(\.labels) == [labels, other])
        #expect(found.map(\.labels) == wanted.map(\.labels))
        #expect(found.map(\.totals) == wanted.map(\.totals))
        #expect(found.map(\.totals.similaritySum) == [5, 5])
    }
}
