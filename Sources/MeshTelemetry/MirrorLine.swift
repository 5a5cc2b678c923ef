// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// One line of the access log about a copy whose answer was compared with the caller's.
///
/// It stands apart from the line of the exchange, which is written when the caller has its answer
/// and waits for no mirror. Field names are stable; one whose value is not known is left out:
/// `time`, `mirror_of` (the mesh's id of the exchange), `trace_id`, `route`, `model`, `mirror`,
/// `mirror_model`, `primary_status`, `mirror_status`, `primary_ttfb_ms`, `mirror_ttfb_ms`,
/// `primary_ms`, `mirror_ms`, `primary_tokens_in`, `mirror_tokens_in`, `primary_tokens_out`,
/// `mirror_tokens_out`, `primary_cost`, `primary_currency`, `mirror_cost`, `mirror_currency`,
/// `same_text`, `same_structure`, `same_values`, `same_tools`, `similarity`, `not_compared`.
package enum MirrorLine {
    /// Appends the line about `pair`, with its newline, to `out`.
    package static func append(
        _ pair: ComparedPair, gap: ComparisonGap?, of labels: MirrorLabels, request: RequestID,
        trace: TraceContext, at time: WallTime, to out: inout [UInt8]
    ) {
        var second: [UInt8] = []
        let whole = max(0, time.nanoseconds) / 1_000_000_000
        WallTime(nanoseconds: whole * 1_000_000_000).appendRFC3339(to: &second)
        out.append(atMost: Limits.accessLineBytes) { sink in
            sink.literal("{\"time\":\"")
            unsafe sink.raw(second.span.bytes.extracting(first: 20))
            let rest = UInt64(max(0, time.nanoseconds)) % 1_000_000_000
            sink.threeDigits(UInt32(rest / 1_000_000))
            sink.literal("Z\",\"mirror_of\":\"")
            sink.uuid(request)
            sink.literal("\",\"trace_id\":\"")
            sink.hexadecimal(trace.traceHigh)
            sink.hexadecimal(trace.traceLow)
            sink.literal("\"")
            sink.name(",\"route\":\"", labels.route)
            sink.name(",\"model\":\"", labels.model)
            sink.name(",\"mirror\":\"", labels.mirror)
            sink.name(",\"mirror_model\":\"", labels.mirrorModel)
            writeSides(pair.primary, pair.mirror, to: &sink)
            if let content = pair.content { write(content, to: &sink) }
            if let gap { sink.word(",\"not_compared\":\"", gap.label) }
            sink.literal("}\n")
        }
    }

    private static func writeSides(
        _ primary: ComparedAnswer, _ mirror: ComparedAnswer, to sink: inout LineSink
    ) {
        sink.number(",\"primary_status\":", UInt64(primary.status))
        sink.number(",\"mirror_status\":", UInt64(mirror.status))
        if let first = primary.firstByte { sink.duration(",\"primary_ttfb_ms\":", first) }
        if let first = mirror.firstByte { sink.duration(",\"mirror_ttfb_ms\":", first) }
        sink.duration(",\"primary_ms\":", primary.total)
        sink.duration(",\"mirror_ms\":", mirror.total)
        if let count = primary.tokens.input { sink.number(",\"primary_tokens_in\":", count) }
        if let count = mirror.tokens.input { sink.number(",\"mirror_tokens_in\":", count) }
        if let count = primary.tokens.output { sink.number(",\"primary_tokens_out\":", count) }
        if let count = mirror.tokens.output { sink.number(",\"mirror_tokens_out\":", count) }
        if let cost = primary.cost {
            write(",\"primary_cost\":", ",\"primary_currency\":\"", cost, to: &sink)
        }
        if let cost = mirror.cost {
            write(",\"mirror_cost\":", ",\"mirror_currency\":\"", cost, to: &sink)
        }
    }

    private static func write(
        _ amount: StaticString, _ currency: StaticString, _ cost: Cost, to sink: inout LineSink
    ) {
        sink.literal(amount)
        sink.trillionths(cost.trillionths)
        sink.literal(currency)
        sink.letters(cost.currency)
        sink.literal("\"")
    }

    private static func write(_ content: ComparedPair.Content, to sink: inout LineSink) {
        sink.literal(content.sameText ? ",\"same_text\":true" : ",\"same_text\":false")
        sink.literal(
            content.sameStructure ? ",\"same_structure\":true" : ",\"same_structure\":false")
        if let same = content.sameValues {
            sink.literal(same ? ",\"same_values\":true" : ",\"same_values\":false")
        }
        if let same = content.sameTools {
            sink.literal(same ? ",\"same_tools\":true" : ",\"same_tools\":false")
        }
        if let similarity = content.similarity {
            sink.literal(",\"similarity\":")
            // A ten-thousandth is as many trillionths as this.
            sink.trillionths(UInt64(similarity) * 100_000_000)
        }
    }
}
