// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshTelemetry
import Testing

@Suite("What is told of mirrors")
struct MirrorPageTests {
    private let labels = MirrorLabels(
        route: "models", model: "ns/story", mirror: "ns/next", mirrorModel: "v2")

    private func answer(_ status: UInt16, cost: UInt64? = nil) -> ComparedAnswer {
        ComparedAnswer(
            status: status, isGood: status == 200, firstByte: .milliseconds(20),
            total: .milliseconds(300),
            tokens: status == 200 ? TokenCounts(input: 3, output: 4) : TokenCounts(),
            cost: cost.map { Cost(trillionths: $0, currency: .usd) })
    }

    private func page(_ metrics: ShardMetrics) -> String {
        let facts = ProcessFacts(version: "1", startedAt: WallTime(nanoseconds: 0))
        return String(
            decoding: PrometheusText.render(metrics, process: facts, format: .text),
            as: UTF8.self)
    }

    @Test("the page says how answers compare, and nothing before there is a mirror")
    func page() {
        var metrics = ShardMetrics()
        #expect(!page(metrics).contains("pinion_mirror_"))
        let series = metrics.mirrorSeries(labels)
        metrics.countCopy(.answered, series)
        metrics.countCopy(.timeout, series)
        metrics.countGap(.budget, series)
        metrics.countPair(
            ComparedPair(
                primary: answer(200, cost: 2_000_000), mirror: answer(200, cost: 3_000_000),
                content: .init(
                    sameText: false, sameStructure: true, sameValues: true, sameTools: false,
                    similarity: 9_412)), series)
        metrics.countPair(ComparedPair(primary: answer(200), mirror: answer(500)), series)
        let text = page(metrics)
        let own = #"route="models",model="ns/story",mirror="ns/next",mirror_model="v2""#
        for line in [
            #"pinion_mirror_copies_total{\#(own),result="answered"} 1"#,
            #"pinion_mirror_copies_total{\#(own),result="broken"} 0"#,
            #"pinion_mirror_copies_total{\#(own),result="timeout"} 1"#,
            #"pinion_mirror_pairs_total{\#(own),measure="status"} 2"#,
            #"pinion_mirror_pairs_total{\#(own),measure="values"} 1"#,
            #"pinion_mirror_agreements_total{\#(own),measure="status"} 1"#,
            #"pinion_mirror_agreements_total{\#(own),measure="text"} 0"#,
            #"pinion_mirror_agreements_total{\#(own),measure="structure"} 1"#,
            #"pinion_mirror_agreements_total{\#(own),measure="values"} 1"#,
            #"pinion_mirror_agreements_total{\#(own),measure="tools"} 0"#,
            #"pinion_mirror_good_answers_total{\#(own),side="primary"} 2"#,
            #"pinion_mirror_good_answers_total{\#(own),side="mirror"} 1"#,
            #"pinion_mirror_gaps_total{\#(own),reason="budget"} 1"#,
            #"pinion_mirror_duration_seconds_count{\#(own),side="mirror",until="first_byte"} 2"#,
            #"pinion_mirror_duration_seconds_sum{\#(own),side="primary",until="total"} 0.3"#,
            #"pinion_mirror_tokens_total{\#(own),side="mirror",type="output"} 4"#,
            #"pinion_mirror_cost_total{\#(own),side="primary"} 0.000002"#,
            #"pinion_mirror_cost_total{\#(own),side="mirror"} 0.000003"#,
            #"pinion_mirror_similarity_bucket{\#(own),le="0.925"} 0"#,
            #"pinion_mirror_similarity_bucket{\#(own),le="0.95"} 1"#,
            #"pinion_mirror_similarity_bucket{\#(own),le="1.0"} 1"#,
            #"pinion_mirror_similarity_sum{\#(own)} 0.9412"#,
        ] {
            #expect(text.contains(line + "\n"), "\(line)")
        }
        #expect(!text.contains(#"mirror="other""#))
    }

    @Test("more mirrors than are told apart are counted as one, and the page says so")
    func overflow() {
        var metrics = ShardMetrics()
        for number in 0..<(Limits.mirrorsPerTable + 20) {
            let series = metrics.mirrorSeries(
                MirrorLabels(route: "r", model: "", mirror: "m\(number)"))
            metrics.countCopy(.answered, series)
        }
        let text = page(metrics)
        #expect(
            text.contains(
                #"pinion_mirror_copies_total{route="other",model="other",mirror="other","#
                    + #"result="answered"} 20"#))
        #expect(text.contains(#"pinion_metric_series_dropped_total{table="mirrors"} 20"#))
        #expect(metrics.mirrorComparisons.count == Limits.mirrorsPerTable + 1)
    }

    @Test("a line of the log is one JSON object with what is known, and nothing of what was said")
    func line() throws {
        var out: [UInt8] = []
        let request = RequestID(high: 0x0123_4567_89ab_4def, low: 0x8fed_cba9_8765_4321)
        let trace = TraceContext(traceHigh: 1, traceLow: 2, parent: 0, span: 3, flags: 1)
        let odd = MirrorLabels(route: "r\"\n", model: "ns/m", mirror: "ns/b")
        MirrorLine.append(
            ComparedPair(
                primary: answer(200, cost: 2_000_000), mirror: answer(500),
                content: .init(sameText: true, sameStructure: false, similarity: 625)),
            gap: .unmeasured, of: odd, request: request, trace: trace,
            at: WallTime(nanoseconds: 1_780_000_000_012_345_678), to: &out)
        #expect(out.last == UInt8(ascii: "\n") && out.count { $0 == UInt8(ascii: "\n") } == 1)
        let parsed = try JSONSerialization.jsonObject(with: Data(out)) as? [String: Any]
        let found = try #require(parsed)
        #expect(found["time"] as? String == "2026-05-28T20:26:40.012Z")
        #expect(found["mirror_of"] as? String == "01234567-89ab-4def-8fed-cba987654321")
        #expect(found["route"] as? String == "r\"\u{FFFD}")
        #expect(found["primary_status"] as? Int == 200 && found["mirror_status"] as? Int == 500)
        #expect(found["primary_ttfb_ms"] as? Double == 20 && found["mirror_ms"] as? Double == 300)
        #expect(found["primary_tokens_out"] as? Int == 4 && found["mirror_tokens_out"] == nil)
        #expect(found["primary_cost"] as? Double == 0.000002 && found["mirror_cost"] == nil)
        #expect(found["same_text"] as? Bool == true && found["same_structure"] as? Bool == false)
        #expect(found["same_values"] == nil && found["same_tools"] == nil)
        #expect(found["similarity"] as? Double == 0.0625)
        #expect(found["not_compared"] as? String == "unmeasured")
        // Other readers tell lines of exchanges by this.
        #expect(found["status"] == nil && found["request_id"] == nil)
    }
}
