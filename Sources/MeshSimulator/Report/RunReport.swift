// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshTelemetry

/// What a run came to.
package struct RunReport: Sendable {
    /// What the run is called: the configuration's file.
    package var name: String
    /// For how long requests were sent.
    package var window: Nanoseconds
    /// When the last one ended.
    package var ended: Instant
    /// The figures, in the order in which they are shown.
    package var metrics: [Metric]
    /// The ways in which requests failed, by name.
    package var failures: [RunTally.Failure]
    /// Every server.
    package var servers: [ServerReport]
    /// What happened when.
    package var bins: TimeBins

    /// What one server did.
    package struct ServerReport: Hashable, Sendable {
        /// `address:port`.
        package var endpoint: String
        /// What it runs on.
        package var profile: String
        /// Whole answers.
        package var answered: Int
        /// The part of the time in which it computed.
        package var busy: Double
        /// The part of prompt tokens that its cache held.
        package var cacheHits: Double?
        /// Sequences pushed out for want of memory.
        package var preemptions: Int
        /// Tokens generated.
        package var tokens: Int
    }

    /// The report of a run in which requests were sent for `window`.
    package init(
        name: String, window: Nanoseconds, tally: RunTally, outcome: Outcome,
        servers plans: [ServerPlan]
    ) {
        self.name = name
        self.window = window
        ended = tally.lastEnd
        failures = tally.failures
        bins = tally.bins
        let elapsed = Double(max(1, tally.lastEnd.nanoseconds))
        servers = zip(plans, outcome.servers).enumerated().map { number, pair in
            let (plan, stats) = pair
            return ServerReport(
                endpoint: plan.authority, profile: plan.profile.name,
                answered: tally.byServer[number],
                busy: Double(stats.busy.rawValue) / elapsed,
                cacheHits: Self.part(stats.prefixHits, of: stats.prefixQueries),
                preemptions: stats.preemptions, tokens: stats.generatedTokens)
        }
        metrics = Self.metrics(tally, outcome, window)
    }

    private static func part(_ part: Int, of whole: Int) -> Double? {
        whole == 0 ? nil : Double(part) / Double(whole)
    }

    private static func metrics(
        _ tally: RunTally, _ outcome: Outcome, _ window: Nanoseconds
    ) -> [Metric] {
        let failed = tally.requests - tally.answered
        let hits = outcome.servers.reduce(0) { $0 + $1.prefixHits }
        let queries = outcome.servers.reduce(0) { $0 + $1.prefixQueries }
        let preemptions = outcome.servers.reduce(0) { $0 + $1.preemptions }
        let (answers, tokens) = inWindow(tally.bins, window)
        var metrics = [
            Metric("requests", "requests", .count, .neither, Double(tally.requests)),
            Metric(
                "answered", "answered", .count, .higher, Double(tally.answered)),
            Metric(
                "not_answered", "refused or failed", .count, .lower, Double(failed),
                isHeadline: true),
            Metric("retried", "sent again", .count, .neither, Double(tally.retried)),
            Metric(
                "answers_per_second", "answers a second", .perSecond, .higher,
                answers / window.seconds, isHeadline: true),
            Metric(
                "output_tokens_per_second", "output tokens a second", .perSecond,
                .higher, tokens / window.seconds, isHeadline: true),
        ]
        metrics += times("ttft", "time to first token", tally.firstToken, isHeadline: true)
        metrics += times("per_token", "time per token", tally.perToken, isHeadline: true)
        metrics += times("answer", "time to last byte", tally.whole, isHeadline: false)
        metrics += [
            Metric(
                "cache_hit_ratio", "cache hit ratio", .share, .higher,
                part(hits, of: queries), isHeadline: true),
            Metric("preemptions", "preemptions", .count, .lower, Double(preemptions)),
            Metric(
                "imbalance", "busiest server / mean", .number, .lower,
                imbalance(outcome.servers)),
        ]
        return metrics + costs(tally)
    }

    /// What the tokens cost, in every currency in which anything did.
    private static func costs(_ tally: RunTally) -> [Metric] {
        tally.costs.flatMap { cost in
            let name = cost.currency.text
            let sum = Double(cost.trillionths) / Double(Money.trillionthsPerUnit)
            return [
                Metric("cost_\(name.lowercased())", "cost, \(name)", .money, .lower, sum),
                Metric(
                    "cost_per_1000_requests_\(name.lowercased())",
                    "cost of 1,000 requests, \(name)", .money, .lower,
                    sum / Double(max(1, tally.requests)) * 1000, isHeadline: true),
            ]
        }
    }

    /// Runs with the same figures in the same order: one that another run has, and that stands
    /// behind those that every run has, is without a value here.
    static func aligned(_ runs: [RunReport]) -> [RunReport] {
        var all: [Metric] = []
        for metric in runs.flatMap(\.metrics) where !all.contains(where: { $0.key == metric.key }) {
            var blank = metric
            blank.value = nil
            all.append(blank)
        }
        return runs.map { run in
            var run = run
            let own = run.metrics
            run.metrics = all.map { blank in own.first { $0.key == blank.key } ?? blank }
            return run
        }
    }

    /// Mean and quantiles of a time.
    private static func times(
        _ key: String, _ label: String, _ times: LogHistogram, isHeadline: Bool
    ) -> [Metric] {
        let mean = times.count == 0 ? nil : times.mean
        return [
            Metric("\(key)_mean_ms", "\(label), mean", .time, .lower, mean)
        ]
            + [50, 95, 99].map { percent in
                Metric(
                    "\(key)_p\(percent)_ms", "\(label), p\(percent)", .time, .lower,
                    times.quantile(Double(percent) / 100).map { Double($0) },
                    isHeadline: isHeadline && percent < 99)
            }
    }

    /// Answers and tokens that came while requests were still sent; a piece of which only a part
    /// lies within counts for that part.
    private static func inWindow(_ bins: TimeBins, _ window: Nanoseconds) -> (Double, Double) {
        var answers = 0.0
        var tokens = 0.0
        for (index, bin) in bins.bins.enumerated() {
            let begin = Double(index) * Double(bins.width.rawValue)
            let inside = (Double(window.rawValue) - begin) / Double(bins.width.rawValue)
            let share = min(1, max(0, inside))
            answers += Double(bin.answered) * share
            tokens += bin.tokens * share
        }
        return (answers, tokens)
    }

    /// How many times as long as the mean the busiest server computed; nil when none did.
    private static func imbalance(_ servers: [EngineStats]) -> Double? {
        let busy = servers.map { Double($0.busy.rawValue) }
        guard let most = busy.max(), most > 0 else { return nil }
        return most / (busy.reduce(0, +) / Double(busy.count))
    }
}
