// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshTelemetry
import Testing

@Suite("What a shard counts")
struct ShardMetricsTests {
    @Test("a plain exchange counts once, with its bytes and its duration")
    func plainExchange() {
        var metrics = ShardMetrics()
        let route = metrics.routeSeries(route: "chat", backend: "pool")
        metrics.record(Samples.plain(), route: route, model: nil)
        metrics.record(Samples.plain(), route: route, model: nil)
        let page = Samples.page(metrics)
        let labels = "route=\"chat\",backend=\"pool\""
        #expect(page.contains("\npinion_requests_total{\(labels),code=\"200\"} 2\n"))
        #expect(page.contains("\npinion_request_bytes_total{\(labels)} 2048\n"))
        #expect(page.contains("\npinion_response_bytes_total{\(labels)} 1224\n"))
        let name = "http_server_request_duration_seconds"
        let both = labels + ",code_class=\"2xx\""
        #expect(page.contains("\n\(name)_bucket{\(both),le=\"0.001\"} 0\n"))
        #expect(page.contains("\n\(name)_bucket{\(both),le=\"0.0025\"} 2\n"))
        #expect(page.contains("\n\(name)_bucket{\(both),le=\"+Inf\"} 2\n"))
        #expect(page.contains("\n\(name)_sum{\(both)} 0.003668\n"))
        #expect(page.contains("\n\(name)_count{\(both)} 2\n"))
        #expect(!page.contains("gen_ai_"))
    }

    @Test("a generation counts its tokens, its first token and the time between tokens")
    func generation() {
        var metrics = ShardMetrics()
        let route = metrics.routeSeries(route: "chat", backend: "pool")
        let model = chatModel(&metrics)
        metrics.record(Samples.chat(), route: route, model: model)
        let page = Samples.page(metrics)
        let labels =
            "gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"openai\","
            + "gen_ai_request_model=\"llama\",gen_ai_response_model=\"meta/Llama-3\","
            + "backend=\"pool\""
        for (type, count) in [
            ("input", 812), ("output", 201), ("cached_input", 512), ("reasoning", 7),
        ] {
            let line = "\npinion_tokens_total{type=\"\(type)\",\(labels)} \(count)\n"
            #expect(page.contains(line))
        }
        // 4.0 s behind the first token for 200 more tokens.
        #expect(page.contains("_time_per_output_token_seconds_sum{\(labels)} 0.02\n"))
        #expect(page.contains("_time_to_first_token_seconds_sum{\(labels)} 0.12\n"))
        #expect(page.contains("gen_ai_server_request_duration_seconds_sum{\(labels)} 4.12\n"))
        let usage = "gen_ai_client_token_usage"
        let input = "gen_ai_token_type=\"input\",\(labels)"
        #expect(page.contains("\(usage)_bucket{\(input),le=\"256.0\"} 0\n"))
        #expect(page.contains("\(usage)_bucket{\(input),le=\"1024.0\"} 1\n"))
        #expect(page.contains("\(usage)_sum{\(input)} 812\n"))
    }

    /// A way to fail and the error type it is counted under.
    struct Failure: Sendable {
        var status: UInt16
        var flags: ExchangeFlags = []
        var code: StaticString?
        var errorType: String
    }

    @Test(
        "a failed generation has an error type and no token times",
        arguments: [
            Failure(
                status: 502, flags: .truncated, code: "upstream-cut", errorType: "upstream-cut"),
            Failure(status: 429, errorType: "429"),
            Failure(status: 200, flags: .truncated, errorType: "truncated"),
            Failure(status: 0, errorType: "unanswered"),
        ])
    func failedGeneration(failure: Failure) {
        var metrics = ShardMetrics()
        let route = metrics.routeSeries(route: "chat", backend: "pool")
        let model = chatModel(&metrics)
        var record = Samples.chat()
        record.status = failure.status
        record.flags = failure.flags
        record.refusal = failure.code
        metrics.record(record, route: route, model: model)
        let page = Samples.page(metrics)
        #expect(page.contains("error_type=\"\(failure.errorType)\",le=\"+Inf\"} 1\n"))
        #expect(!page.contains("gen_ai_server_time_to_first_token"))
        #expect(page.contains("pinion_tokens_total"))
        let truncated = failure.flags.contains(.truncated)
        #expect(
            page.contains("pinion_streams_truncated_total{backend=\"pool\"} 1\n") == truncated)
    }

    @Test("a refusal is counted by code, beside the status of its request")
    func refusal() {
        var metrics = ShardMetrics()
        let route = metrics.routeSeries(route: "none")
        var record = Samples.plain()
        record.status = 404
        record.refusal = "no-route"
        record.flags = [.clientAborted, .usageMissing]
        metrics.record(record, route: route, model: nil)
        metrics.countRefusal("framing")
        let page = Samples.page(metrics)
        #expect(page.contains("pinion_refusals_total{code=\"no-route\"} 1\n"))
        #expect(page.contains("pinion_refusals_total{code=\"framing\"} 1\n"))
        #expect(page.contains("backend=\"none\",code=\"404\",error_code=\"no-route\"} 1\n"))
        #expect(page.contains("pinion_client_aborts_total 1\n"))
        #expect(page.contains("pinion_usage_missing_total 1\n"))
    }

    @Test("statuses have the class of their first digit")
    func statusClasses() {
        var metrics = ShardMetrics()
        let route = metrics.routeSeries(route: "r", backend: "b")
        let cases: [(UInt16, String)] = [
            (100, "1xx"), (199, "1xx"), (200, "2xx"), (299, "2xx"), (300, "3xx"), (399, "3xx"),
            (400, "4xx"), (499, "4xx"), (500, "5xx"), (599, "5xx"), (600, "none"), (0, "none"),
            (99, "none"), (65_535, "none"),
        ]
        for (status, label) in cases {
            let before = metrics
            var record = Samples.plain()
            record.status = status
            metrics.record(record, route: route, model: nil)
            let prefix =
                "http_server_request_duration_seconds_count{route=\"r\",backend=\"b\","
                + "code_class=\"\(label)\"}"
            let (old, new) = (count(before, prefix), count(metrics, prefix))
            #expect(new == old + 1, "\(status)")
        }
    }

    @Test("a hundred thousand model names are two thousand series, and none is lost")
    func cardinality() {
        var metrics = ShardMetrics()
        let route = metrics.routeSeries(route: "r", backend: "b")
        for i in 0..<100_000 {
            let model = metrics.modelSeries(
                operation: "chat", provider: "p", requestModel: "model-\(i)",
                responseModel: "", backend: "b")
            metrics.record(Samples.chat(), route: route, model: model)
        }
        let page = Samples.page(metrics)
        let input = page.lines(startingWith: "pinion_tokens_total{type=\"input\"")
        #expect(input.count == Limits.seriesPerTable + 1)
        let sum = input.reduce(0) { $0 + (Int($1.split(separator: " ").last ?? "") ?? 0) }
        #expect(sum == 812 * 100_000)
        #expect(page.contains("gen_ai_request_model=\"other\""))
        let dropped = 100_000 - Limits.seriesPerTable
        #expect(
            page.contains("pinion_metric_series_dropped_total{table=\"models\"} \(dropped)\n"))
        #expect(page.utf8.count <= Limits.pageBytes + 512)
    }

    @Test("events of a backend are counted under their own label")
    func backendEvents() {
        var metrics = ShardMetrics()
        let backend = metrics.backendSeries(backend: "pool")
        for result in AttemptResult.allCases {
            for _ in 0...result.rawValue { metrics.countAttempt(result, backend: backend) }
        }
        for reason in RetryReason.allCases { metrics.countRetry(reason, backend: backend) }
        for reason in EjectionReason.allCases { metrics.countEjection(reason, backend: backend) }
        metrics.setEndpoints(3, .healthy, backend: backend)
        metrics.setEndpoints(-1, .ejected, backend: backend)
        let page = Samples.page(metrics)
        for result in AttemptResult.allCases {
            let labels = "backend=\"pool\",result=\"\(result.label)\""
            #expect(
                page.contains(
                    "pinion_upstream_attempts_total{\(labels)} \(result.rawValue + 1)\n"))
        }
        #expect(page.lines(startingWith: "pinion_retries_total").count == 8)
        #expect(page.lines(startingWith: "pinion_endpoint_ejections_total").count == 5)
        #expect(page.contains("pinion_endpoints{backend=\"pool\",state=\"healthy\"} 3\n"))
        #expect(page.contains("pinion_endpoints{backend=\"pool\",state=\"ejected\"} 0\n"))
    }

    @Test("the record of an exchange stays small")
    func recordSize() {
        #expect((256...448).contains(MemoryLayout<ExchangeRecord>.size))
    }

    private func chatModel(_ metrics: inout ShardMetrics) -> ModelSeriesID {
        metrics.modelSeries(
            operation: "chat", provider: "openai", requestModel: "llama",
            responseModel: "meta/Llama-3", backend: "pool")
    }

    private func count(_ metrics: ShardMetrics, _ prefix: String) -> Int {
        let line = Samples.page(metrics).lines(startingWith: prefix).first
        return line.flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0
    }
}
