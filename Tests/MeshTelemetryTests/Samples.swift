// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshTelemetry

/// Values that several tests begin from.
enum Samples {
    /// A finished chat exchange in which every field has a value.
    static func chat() -> ExchangeRecord {
        var record = plain()
        record.connect = .microseconds(250)
        record.firstByte = .milliseconds(100)
        record.firstToken = .milliseconds(120)
        record.total = .milliseconds(4_120)
        record.model = "llama"
        record.upstreamModel = "meta/Llama-3"
        record.operation = "chat"
        record.flags = [.stream]
        record.tokens = TokenCounts(
            input: 812, output: 201, cachedInput: 512, reasoningOutput: 7)
        return record
    }

    /// Two good answers in which everything was measured.
    static func pair() -> ComparedPair {
        let answer = ComparedAnswer(
            status: 200, isGood: true, firstByte: .milliseconds(20), total: .milliseconds(300),
            tokens: TokenCounts(input: 3, output: 4), cost: Cost(trillionths: 5, currency: .usd))
        return ComparedPair(
            primary: answer, mirror: answer,
            content: .init(
                sameText: true, sameStructure: true, sameValues: true, sameTools: true,
                similarity: 10_000))
    }

    /// A finished exchange without a model.
    static func plain() -> ExchangeRecord {
        let trace = TraceContext(
            traceHigh: 0x0af7_6519_16cd_43dd, traceLow: 0x8448_eb21_1c80_319c, parent: 1,
            span: 2, flags: 1)
        var record = ExchangeRecord(
            requestID: RequestID(high: 0x0123_4567_89ab_4def, low: 0x8fed_cba9_8765_4321),
            trace: trace, started: Instant(nanoseconds: 1),
            startedAt: WallTime(nanoseconds: 1_780_000_000_012_345_678))
        record.total = .microseconds(1_834)
        record.bytesIn = 1_024
        record.bytesOut = 612
        record.snapshot = 42
        record.route = "chat"
        record.backend = "pool"
        record.endpoint = "10.0.0.1:8000"
        record.status = 200
        record.attempts = 1
        return record
    }

    /// Facts of a process with every value set.
    static func process() -> ProcessFacts {
        var facts = ProcessFacts(
            version: "1.2.3", startedAt: WallTime(nanoseconds: 1_780_000_000_500_000_000))
        facts.residentBytes = 12_345_678
        facts.cpu = .milliseconds(1_250)
        facts.openFiles = 17
        facts.snapshotVersion = 9
        facts.snapshotsRejected = 2
        facts.snapshotTakenAt = WallTime(nanoseconds: 1_780_000_001_000_000_000)
        facts.certificateEnds = [
            .init(
                label: "Certificate/web",
                time: WallTime(nanoseconds: 1_790_000_000_000_000_000))
        ]
        facts.certificateFailures = 1
        facts.rollouts = [
            .init(
                name: "default/chat", phase: "Progressing", weight: 25, step: 2,
                changes: [.init(phase: "Progressing", count: 2)])
        ]
        return facts
    }

    /// The page of `metrics` as text.
    static func page(
        _ metrics: ShardMetrics, _ format: PrometheusText.Format = .text,
        limit: Int = Limits.pageBytes
    ) -> String {
        let bytes = PrometheusText.render(
            metrics, process: process(), format: format, limit: limit)
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension String {
    /// The lines that begin with `prefix`.
    func lines(startingWith prefix: String) -> [String] {
        split(separator: "\n").map(String.init).filter { $0.hasPrefix(prefix) }
    }
}
