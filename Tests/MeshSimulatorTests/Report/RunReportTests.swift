// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshTelemetry
import Testing

@testable import MeshSimulator

/// The figures of a report against ones that are computed from a plain list.
struct RunReportTests {
    static let servers = [
        ServerPlan("10.0.0.1:80", profile: .small), ServerPlan("10.0.0.2:80", profile: .small),
    ]

    /// Requests that end in every way.
    static func observations(seed: UInt64, count: Int) -> [RequestObservation] {
        var random = SplitMix64(seed: seed)
        return (0..<count).map { number in
            let at = Instant(nanoseconds: UInt64(random.below(20_000_000_000)))
            let item = WorkItem(
                at: at, model: "m", promptTokens: 1 + random.below(2000), answerTokens: 10)
            var seen = RequestObservation(number: number, item: item, at: at)
            seen.ending = random.below(5) > 0 ? .whole : .refused
            seen.status = seen.ending == .whole && random.below(9) > 0 ? 200 : 503
            seen.code = seen.ending == .refused ? "no-endpoint" : nil
            seen.attempts = 1 + random.below(2)
            if seen.status == 200 {
                seen.tokens = 1 + random.below(300)
                seen.firstToken = Nanoseconds(Int64(random.below(2_000_000_000)))
                seen.generation = Nanoseconds(Int64(random.below(5_000_000_000)))
                seen.cachedTokens = random.below(item.promptTokens)
                seen.server = random.below(2)
            }
            seen.total = (seen.firstToken ?? .milliseconds(3)) + seen.generation
            return seen
        }
    }

    static func report(
        _ observations: [RequestObservation], name: String = "a.yaml"
    ) -> RunReport {
        var tally = RunTally(servers: 2)
        for seen in observations { tally.add(seen) }
        var outcome = Outcome(seed: 1)
        outcome.endedAt = Instant(nanoseconds: 27_000_000_000)
        outcome.servers = [stats(busy: 9, hits: 30), stats(busy: 3, hits: 10)]
        return RunReport(
            name: name, window: .seconds(20), tally: tally, outcome: outcome, servers: servers)
    }

    static func stats(busy: Int64, hits: Int) -> EngineStats {
        var stats = EngineStats()
        stats.busy = .seconds(busy)
        stats.prefixHits = hits
        stats.prefixQueries = 50
        return stats
    }

    static func value(_ report: RunReport, _ key: String) throws -> Double {
        let metric = try #require(report.metrics.first { $0.key == key })
        return try #require(metric.value)
    }

    @Test("figures agree with a plain list", arguments: 1...5)
    func oracle(seed: UInt64) throws {
        let seen = Self.observations(seed: seed, count: 700)
        let report = Self.report(seen)
        let answered = seen.filter { $0.ending == .whole && $0.status == 200 }
        #expect(try Self.value(report, "requests") == 700)
        #expect(try Self.value(report, "answered") == Double(answered.count))
        #expect(try Self.value(report, "not_answered") == Double(700 - answered.count))
        #expect(try Self.value(report, "retried") == Double(seen.count { $0.attempts > 1 }))
        let times: [(String, [Nanoseconds])] = [
            ("ttft", answered.compactMap(\.firstToken)),
            ("per_token", answered.compactMap(\.perToken)), ("answer", answered.map(\.total)),
        ]
        for (key, times) in times {
            let values = times.map { UInt64($0.rawValue) }
            let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
            #expect(abs(try Self.value(report, "\(key)_mean_ms") / mean - 1) < 1e-9)
            for percent in [50, 95, 99] {
                let exact = Double(LogHistogramTests.exact(values, Double(percent) / 100))
                let found = try Self.value(report, "\(key)_p\(percent)_ms")
                #expect(abs(found - exact) <= 0.004 * exact)
            }
        }
        let end = Instant(nanoseconds: 20_000_000_000)
        let inTime = answered.count { $0.startedAt + $0.total < end }
        #expect(abs(try Self.value(report, "answers_per_second") - Double(inTime) / 20) < 0.01)
        #expect(try Self.value(report, "cache_hit_ratio") == 0.4)
        #expect(try Self.value(report, "imbalance") == 1.5)
    }

    @Test("tokens that come behind the window do not count as throughput")
    func window() throws {
        var seen = Self.observations(seed: 1, count: 1)
        seen[0].ending = .whole
        seen[0].status = 200
        seen[0].startedAt = Instant(nanoseconds: 15_000_000_000)
        seen[0].firstToken = .zero
        seen[0].generation = .seconds(10)
        seen[0].total = .seconds(10)
        seen[0].tokens = 100
        let report = Self.report(seen)
        #expect(abs(try Self.value(report, "output_tokens_per_second") - 2.5) < 0.01)
        #expect(try Self.value(report, "answers_per_second") == 0)
    }

    @Test("every ending is counted under its name")
    func failures() {
        let seen = Self.observations(seed: 3, count: 500)
        let refused = seen.count { $0.ending == .refused }
        let status = seen.count { $0.ending == .whole && $0.status == 503 }
        #expect(
            Self.report(seen).failures == [
                .init(name: "no-endpoint", count: refused),
                .init(name: "status-503", count: status),
            ])
    }

    @Test("a run in which nothing happened has figures too")
    func empty() throws {
        let report = Self.report([])
        #expect(report.metrics.first { $0.key == "ttft_p95_ms" }?.value == nil)
        let text = ReportText(runs: [report], seed: 1, notes: [])
        let line = try #require(
            text.table.split(separator: "\n").first { $0.hasPrefix("time to first token, p95") })
        #expect(line.hasSuffix(" -"))
        #expect(text.json.rendered.contains("\"ttft_p95_ms\": null"))
        #expect(RunChart([report], caption: "nothing").svg.contains("</svg>"))
    }

    @Test("costs are summed for each currency, and told for 1,000 requests")
    func costs() throws {
        let euro = try #require(Currency("EUR"))
        var seen = Self.observations(seed: 2, count: 400)
        for index in seen.indices where index % 4 != 3 {
            let currency = index % 4 == 0 ? euro : Currency.usd
            seen[index].cost = Cost(
                trillionths: UInt64(index) * 150_000, currency: currency)
        }
        let report = Self.report(seen)
        // 0 + 4 + … + 396, and 1 + 2 + 5 + 6 + … + 397 + 398, of 0.15 millionths each.
        let (euros, dollars) = (19_800 * 0.15e-6, 39_900 * 0.15e-6)
        #expect(abs(try Self.value(report, "cost_eur") - euros) < 1e-12)
        #expect(abs(try Self.value(report, "cost_usd") - dollars) < 1e-12)
        #expect(
            abs(try Self.value(report, "cost_per_1000_requests_usd") - dollars * 2.5) < 1e-12)
        let text = ReportText(runs: [report], seed: 1, notes: [])
        let lines = text.table.split(separator: "\n")
        let line = try #require(lines.first { $0.hasPrefix("cost of 1,000 requests, USD") })
        #expect(line.hasSuffix(" 0.0150"), "\(line)")
        #expect(text.json.rendered.contains("\"cost_usd\": 0.005985"))
        #expect(text.json.renderedAsYAML.contains("cost_eur: 0.00297"))
    }

    @Test("a run without a price is compared with one that has one")
    func unpriced() throws {
        let free = Self.observations(seed: 5, count: 50)
        let paid = free.map { seen in
            var seen = seen
            seen.cost = Cost(trillionths: Money.trillionthsPerUnit, currency: .usd)
            return seen
        }
        let twice = paid.map { seen in
            var seen = seen
            seen.cost?.trillionths *= 2
            return seen
        }
        let (a, b) = (Self.report(free, name: "a"), Self.report(paid, name: "b"))
        for runs in [[a, b], [b, a]] {
            let text = ReportText(runs: runs, seed: 1, notes: [])
            let lines = text.table.split(separator: "\n")
            let line = try #require(lines.first { $0.hasPrefix("cost, USD") })
            #expect(line.contains(" 50.00") && line.hasSuffix(" -"), "\(line)")
            #expect(!Comparison(runs[0], runs[1]).sentences.joined().contains("cost"))
        }
        let sentences = Comparison(b, Self.report(twice, name: "c")).sentences
        #expect(
            sentences[0]
                == "b is better in cost of 1,000 requests, USD (1,000.00 instead of 2,000.00, "
                + "-50 %).")
    }

    @Test("two runs are compared in words: which is better in what, and by how much")
    func comparison() throws {
        let slow = Self.observations(seed: 4, count: 600)
        let fast = slow.map { seen in
            var seen = seen
            seen.firstToken = seen.firstToken.map { Nanoseconds($0.rawValue / 2) }
            return seen
        }
        let (a, b) = (Self.report(slow, name: "a"), Self.report(fast, name: "b"))
        let sentences = Comparison(a, b).sentences
        #expect(sentences.count == 2)
        #expect(sentences[0].hasPrefix("b is better in "))
        #expect(sentences[0].contains("time to first token, p50 ("), "\(sentences)")
        #expect(sentences[0].contains("instead of"))
        #expect(sentences[0].contains(", -50 %)"))
        #expect(!sentences[0].contains("time per token"))
        // The other way round the first is better, by the same.
        let turned = Comparison(b, a).sentences
        #expect(turned[0] == sentences[0])
        #expect(
            Comparison(a, a).sentences
                == ["Neither is better: no figure differs by more than 2 %."])
        let difference = try #require(
            Comparison(a, b).differences.first { $0.first.key == "ttft_p50_ms" })
        #expect(difference.verdict == 1)
        #expect(abs(try #require(difference.change) + 0.5) < 0.01)
    }

    @Test("YAML says the same as JSON")
    func yaml() {
        let text = JSONText.object([
            .init("plain", .text("a: b")), .init("no", .fixed(-5, decimals: 3)),
            .init("list", .list([.number(1), .null])), .init("none", .list([])),
            .init(
                "objects",
                .list([
                    .object([.init("x", .boolean(true)), .init("z", .object([]))]),
                    .object([.init("deep", .object([.init("a-b", .fixed(1234, decimals: 2))]))]),
                ])),
        ]).renderedAsYAML
        #expect(
            text == """
                plain: "a: b"
                "no": -0.005
                list: [1, null]
                none: []
                objects:
                  - x: true
                    z: {}
                  - deep:
                      "a-b": 12.34

                """)
    }
}
