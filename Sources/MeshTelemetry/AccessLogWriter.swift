// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Writes one JSON line for each exchange.
///
/// Field names are stable; a field whose value is not known is left out. The order is:
/// `time`, `request_id`, `trace_id`, `method`, `host`, `path`, `status`, `duration_ms`,
/// `connect_ms`, `ttfb_ms`, `ttft_ms`, `bytes_in`, `bytes_out`, `route`, `backend`, `endpoint`,
/// `attempts`, `model`, `upstream_model`, `operation`, `stream`, `tokens_in`, `tokens_out`,
/// `tokens_cached`, `tokens_reasoning`, `cost`, `currency`, `grpc_status`, `error_code`,
/// `error_scope`, `limit`, `access_rule`, `fallback`, `resumed`, `hedged`, `hedge`, `tokens_left`,
/// `truncated`, `client_aborted`, `usage_missing`, `limit_audited`, `access_audited`, `residency`
/// (`labels`, `policies`, `hops`), `identity`, `identity_provider`, `spiffe_id`, `client`,
/// `user_agent`, `snapshot`.
///
/// What it never writes: headers beside the user agent, bodies, the query of a path, and the user
/// name and password of an address. Paths and hosts are cut down here and not where they are
/// handed in, so that no caller can forget to.
package struct AccessLogWriter: Sendable {
    /// `YYYY-MM-DDThh:mm:ss` of `second`: within one second only the milliseconds change.
    private var secondText: [UInt8] = []
    private var second: Int64 = -1

    /// A writer; one a shard is enough.
    package init() {}

    /// Appends the line of `record`, with its newline, to `out`.
    ///
    /// **Shape**: the spans are what the caller sent; an empty one is not known. `requestID` is
    /// the caller's own id when it was kept, else empty and the record's is written. `query` is
    /// given only where the operator asked for it: it may hold what must not be kept. The line is
    /// at most `Limits.accessLineBytes` long, and longer only by a receipt.
    ///
    /// **Complexity**: linear in the line; `out` does not allocate once it has had room for that
    /// many bytes more.
    package mutating func append(
        _ record: borrowing ExchangeRecord, method: RawSpan, host: RawSpan, path: RawSpan,
        query: RawSpan, client: RawSpan, userAgent: RawSpan, requestID: RawSpan,
        to out: inout [UInt8]
    ) {
        refreshSecond(record.startedAt)
        let most = Limits.accessLineBytes + Self.bytes(of: record.residency)
        out.append(atMost: most) { sink in
            writeStart(record, requestID, to: &sink)
            sink.text(",\"method\":\"", method, limit: Limits.loggedTextBytes)
            sink.text(
                ",\"host\":\"", host.extracting(LoggedRange.host(host)),
                limit: Limits.loggedTextBytes)
            sink.text(
                ",\"path\":\"", path.extracting(LoggedRange.path(path)),
                limit: Limits.loggedPathBytes)
            sink.text(",\"query\":\"", query, limit: Limits.loggedTextBytes)
            Self.writeMeasures(record, to: &sink)
            Self.writeChoice(record, to: &sink)
            Self.writeModel(record, to: &sink)
            Self.writeFaults(record, to: &sink)
            Self.writeResidency(record, to: &sink)
            if let caller = record.caller {
                sink.name(",\"identity\":\"", caller.subject)
                sink.name(",\"identity_provider\":\"", caller.provider)
                sink.name(",\"spiffe_id\":\"", caller.workload)
            }
            sink.text(",\"client\":\"", client, limit: Limits.loggedTextBytes)
            sink.text(",\"user_agent\":\"", userAgent, limit: Limits.loggedTextBytes)
            sink.number(",\"snapshot\":", record.snapshot)
            sink.literal("}\n")
        }
    }

    private mutating func refreshSecond(_ time: WallTime) {
        let now = max(0, time.nanoseconds) / 1_000_000_000
        if now == second { return }
        second = now
        secondText.removeAll(keepingCapacity: true)
        WallTime(nanoseconds: now * 1_000_000_000).appendRFC3339(to: &secondText)
    }

    private func writeStart(
        _ record: borrowing ExchangeRecord, _ requestID: RawSpan, to sink: inout LineSink
    ) {
        sink.literal("{\"time\":\"")
        let seconds = unsafe secondText.span.bytes
        sink.raw(seconds.extracting(first: 20))
        let nanoseconds = UInt64(max(0, record.startedAt.nanoseconds)) % 1_000_000_000
        sink.threeDigits(UInt32(nanoseconds / 1_000_000))
        sink.literal("Z\",\"request_id\":\"")
        if requestID.byteCount == 0 {
            sink.uuid(record.requestID)
        } else {
            let kept = LoggedRange.prefix(requestID, limit: Limits.requestIDBytes)
            sink.escaped(requestID.extracting(kept))
        }
        sink.literal("\",\"trace_id\":\"")
        sink.hexadecimal(record.trace.traceHigh)
        sink.hexadecimal(record.trace.traceLow)
        sink.literal("\"")
    }

    private static func writeMeasures(
        _ record: borrowing ExchangeRecord, to sink: inout LineSink
    ) {
        sink.number(",\"status\":", UInt64(record.status))
        sink.duration(",\"duration_ms\":", record.total)
        if let connect = record.connect { sink.duration(",\"connect_ms\":", connect) }
        if let waited = record.policyEngines { sink.duration(",\"policy_ms\":", waited) }
        if let waited = record.queued { sink.duration(",\"queue_ms\":", waited) }
        if let first = record.firstByte { sink.duration(",\"ttfb_ms\":", first) }
        if let first = record.firstToken { sink.duration(",\"ttft_ms\":", first) }
        sink.number(",\"bytes_in\":", record.bytesIn)
        sink.number(",\"bytes_out\":", record.bytesOut)
    }

    private static func writeChoice(
        _ record: borrowing ExchangeRecord, to sink: inout LineSink
    ) {
        sink.name(",\"route\":\"", record.route)
        sink.name(",\"backend\":\"", record.backend)
        sink.name(",\"endpoint\":\"", record.endpoint)
        sink.number(",\"attempts\":", UInt64(record.attempts))
    }

    private static func writeModel(
        _ record: borrowing ExchangeRecord, to sink: inout LineSink
    ) {
        sink.name(",\"model\":\"", record.model)
        sink.name(",\"upstream_model\":\"", record.upstreamModel)
        if let operation = record.operation { sink.word(",\"operation\":\"", operation) }
        if record.flags.contains(.stream) { sink.literal(",\"stream\":true") }
        if let count = record.tokens.input { sink.number(",\"tokens_in\":", count) }
        if let count = record.tokens.output { sink.number(",\"tokens_out\":", count) }
        if let count = record.tokens.cachedInput {
            sink.number(",\"tokens_cached\":", count)
        }
        if let count = record.tokens.reasoningOutput {
            sink.number(",\"tokens_reasoning\":", count)
        }
        if let cost = record.cost {
            sink.literal(",\"cost\":")
            sink.trillionths(cost.trillionths)
            sink.literal(",\"currency\":\"")
            sink.letters(cost.currency)
            sink.literal("\"")
        }
    }

    private static func writeFaults(
        _ record: borrowing ExchangeRecord, to sink: inout LineSink
    ) {
        if let status = record.grpcStatus {
            sink.number(",\"grpc_status\":", UInt64(status))
        }
        if let code = record.refusal { sink.word(",\"error_code\":\"", code) }
        if let fault = record.fault { sink.word(",\"error_scope\":\"", fault.label) }
        sink.name(",\"limit\":\"", record.limit)
        sink.name(",\"access_rule\":\"", record.accessRule)
        let flags = record.flags
        if flags.isDisjoint(
            with: [
                .fallback, .truncated, .clientAborted, .usageMissing, .limitAudited,
                .accessAudited, .accessUnchecked, .resumed, .hedged,
            ])
        {
            return
        }
        if flags.contains(.fallback) { sink.literal(",\"fallback\":true") }
        if flags.contains(.resumed) { sink.literal(",\"resumed\":true") }
        if flags.contains(.hedged) { writeHedge(record, to: &sink) }
        if flags.contains(.truncated) { sink.literal(",\"truncated\":true") }
        if flags.contains(.clientAborted) { sink.literal(",\"client_aborted\":true") }
        if flags.contains(.usageMissing) { sink.literal(",\"usage_missing\":true") }
        if flags.contains(.limitAudited) { sink.literal(",\"limit_audited\":true") }
        if flags.contains(.accessAudited) { sink.literal(",\"access_audited\":true") }
        if flags.contains(.accessUnchecked) { sink.literal(",\"access_unchecked\":true") }
    }

    private static func writeHedge(
        _ record: borrowing ExchangeRecord, to sink: inout LineSink
    ) {
        sink.literal(",\"hedged\":true")
        if let outcome = record.hedge { sink.word(",\"hedge\":\"", outcome.label) }
        if record.tokensLeft > 0 {
            sink.number(",\"tokens_left\":", UInt64(record.tokensLeft))
        }
    }
}
