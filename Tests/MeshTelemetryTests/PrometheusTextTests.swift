// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshTelemetry

@Suite("The metrics page")
struct PrometheusTextTests {
    /// A shard in which every metric of the catalogue has a series.
    private func everything() -> ShardMetrics {
        var metrics = ShardMetrics()
        let route = metrics.routeSeries(route: "chat", backend: "pool")
        let model = metrics.modelSeries(
            operation: "chat", provider: "openai", requestModel: "llama", responseModel: "llama",
            backend: "pool")
        let backend = metrics.backendSeries(backend: "pool")
        metrics.record(Samples.chat(), route: route, model: model)
        var failed = Samples.chat()
        failed.refusal = "upstream-cut"
        failed.flags = [.truncated]
        metrics.record(failed, route: route, model: model)
        var paid = Samples.chat()
        paid.cost = Cost(trillionths: 1_500_000_000_000, currency: .usd)
        metrics.record(paid, route: route, model: model)
        metrics.countLimit(policy: "default/team", limit: "daily", [1, 2, 3, 4, 5, 6])
        let access = metrics.accessSeries(policy: "default/team", rule: "blocked")
        metrics.countAccess(.denied, access)
        let engine = metrics.engineSeries(engine: "default/opa")
        metrics.countEngine(.allowed, after: .milliseconds(3), engine)
        let mirror = metrics.mirrorSeries(MirrorLabels(route: "r", model: "m", mirror: "b"))
        metrics.countCopy(.answered, mirror)
        metrics.countGap(.budget, mirror)
        metrics.countPair(Samples.pair(), mirror)
        metrics.countIdentity(.known, metrics.identitySeries(provider: "default/corp"))
        metrics.countAttempt(.success, backend: backend)
        metrics.countRetry(.reset, backend: backend)
        metrics.countEjection(.latency, backend: backend)
        metrics.countCoolDown(.refused, backend: backend)
        metrics.countPassing(.cooling, backend: backend)
        metrics.countCircuit(backend: backend)
        metrics.countHedge(.won, backend: backend)
        metrics.countHedgeTokens(12, backend: backend)
        metrics.setEndpoints(1, .healthy, backend: backend)
        let arm = metrics.armSeries(rollout: "default/chat", arm: .canary)
        metrics.countArm(Samples.chat(), isError: false, arm)
        metrics.countTurnstile([1, 2, 3, 4, 5, 6, 7], backend: backend)
        metrics.setTurnstile(limit: 8, inside: 7, waiting: 6, backend: backend)
        return metrics
    }

    @Test(
        "each metric of the catalogue is on a full page once, and nothing else is",
        arguments: PrometheusText.Format.allCases)
    func families(format: PrometheusText.Format) {
        let page = Samples.page(everything(), format)
        let types = page.lines(startingWith: "# TYPE ").map {
            $0.split(separator: " ").dropFirst(2).joined(separator: " ")
        }
        let expected = MetricCatalogue.all.map { metric in
            let isOpen = format == .openMetrics
            let kind = metric.kind == .info && !isOpen ? "gauge" : metric.kind.rawValue
            return (isOpen ? metric.openMetricsFamily : metric.name) + " " + kind
        }
        #expect(types.sorted() == expected.sorted())
        #expect(page.hasSuffix("# EOF\n") == (format == .openMetrics))
        #expect(page.hasSuffix("\n"))
    }

    @Test(
        "each sample belongs to the family above it and has only declared labels",
        arguments: PrometheusText.Format.allCases)
    func samples(format: PrometheusText.Format) throws {
        var current: Metric?
        var seen: Set<String> = []
        for line in Samples.page(everything(), format).split(separator: "\n") {
            if line.hasPrefix("# TYPE ") {
                let family = line.split(separator: " ")[2]
                current = MetricCatalogue.all.first {
                    (format == .openMetrics ? $0.openMetricsFamily : $0.name) == family
                }
            }
            if line.hasPrefix("#") { continue }
            let metric = try #require(current)
            let sample = try #require(Sample(line))
            let suffixes = metric.kind == .histogram ? ["_bucket", "_sum", "_count"] : [""]
            #expect(suffixes.map { metric.name + $0 }.contains(sample.name))
            let names = sample.labels.map(\.name).filter { $0 != "le" }
            #expect(names.allSatisfy(metric.labels.contains), "\(line)")
            #expect(seen.insert(String(line.split(separator: " ").dropLast().joined())).inserted)
        }
    }

    @Test("units and escapes stand where each format wants them")
    func formats() {
        let open = Samples.page(everything(), .openMetrics)
        let cpu = "process_cpu_seconds"
        #expect(open.contains("# TYPE \(cpu) counter\n# UNIT \(cpu) seconds\n"))
        #expect(open.contains("\nprocess_cpu_seconds_total 1.25\n"))
        #expect(open.contains("# TYPE pinion_build info\n"))
        #expect(open.contains("pinion_build_info{version=\"1.2.3\",metrics_version=\"1\"} 1\n"))
        let text = Samples.page(everything(), .text)
        #expect(text.contains("# TYPE process_cpu_seconds_total counter\n"))
        #expect(!text.contains("# UNIT"))
        #expect(text.contains("process_start_time_seconds 1780000000.5\n"))
        #expect(text.contains("process_resident_memory_bytes 12345678\n"))
        var escaped: [UInt8] = []
        escaped.appendEscaped("a\\b\"c\nd", quotes: false)
        #expect(String(decoding: escaped, as: UTF8.self) == "a\\\\b\"c\\nd")
    }

    @Test("buckets never fall and end with all observations")
    func cumulative() {
        var metrics = ShardMetrics()
        let route = metrics.routeSeries(route: "r", backend: "b")
        var random = SplitMix64(seed: 21)
        for _ in 0..<500 {
            var record = Samples.plain()
            record.total = Nanoseconds(Int64(random.next() >> UInt64(20 + random.below(20))))
            metrics.record(record, route: route, model: nil)
        }
        let page = Samples.page(metrics)
        let buckets = page.lines(startingWith: "http_server_request_duration_seconds_bucket")
        let values = buckets.compactMap { Sample(Substring($0))?.value }
        #expect(values.count == 21)
        #expect(zip(values, values.dropFirst()).allSatisfy { $0 <= $1 }, "seed 21")
        #expect(values.last == 500)
    }

    @Test("any label value comes back from the page as it went in", arguments: [UInt64](1...30))
    func labelRoundTrip(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let pool: [Unicode.Scalar] = [
            "\"", "\\", "\n", "n", ",", "=", "{", "}", " ", "#", "é", "😀", "\u{2028}", "a",
        ]
        var value = ""
        for _ in 0...random.below(40) {
            value.unicodeScalars.append(pool[random.below(pool.count)])
        }
        let text = LabelText(["x", "y"], [value, "end"])
        var line: [UInt8] = Array("metric".utf8)
        text.append(to: &line)
        line.append(UInt8(ascii: "1"))
        let written = String(decoding: line, as: UTF8.self)
        let sample = try #require(Sample(written[...]), "seed \(seed)")
        #expect(sample.labels.map(\.value) == [value, "end"], "seed \(seed)")

        var metrics = ShardMetrics()
        let backend = metrics.backendSeries(backend: value)
        metrics.countAttempt(.success, backend: backend)
        let page = Samples.page(metrics).lines(startingWith: "pinion_upstream_attempts_total")
        let first = try #require(page.first)
        let shown = try #require(Sample(Substring(first)), "seed \(seed)")
        #expect(shown.labels.first?.value == LabelValue.bounded(value), "seed \(seed)")
    }

    @Test(
        "a page past its bound loses whole series from its end and says so",
        arguments: PrometheusText.Format.allCases)
    func bound(format: PrometheusText.Format) throws {
        var metrics = ShardMetrics()
        for i in 0..<200 {
            let route = metrics.routeSeries(route: "route-\(i)", backend: "b")
            metrics.record(Samples.plain(), route: route, model: nil)
        }
        let full = Samples.page(metrics, format)
        #expect(full.contains("\npinion_metrics_page_truncated 0\n"))
        for limit in stride(from: 0, through: 60_000, by: 1_999) {
            let page = Samples.page(metrics, format, limit: limit)
            #expect(page.utf8.count <= limit + 256)
            #expect(page.contains("pinion_metrics_page_truncated 1\n"))
            let ends = page.lines(startingWith: "http_server_request_duration_seconds_count")
            let sums = page.lines(startingWith: "http_server_request_duration_seconds_sum")
            #expect(ends.count == sums.count)
            for line in page.split(separator: "\n") where !line.hasPrefix("#") {
                #expect(Sample(line) != nil)
            }
        }
    }

    @Test(
        "seconds are exact and have no zeros at the end",
        arguments: [
            (UInt64(0), "0.0"), (1, "0.000000001"), (1_000_000_000, "1.0"), (250_000_000, "0.25"),
            (12_345_678_901, "12.345678901"), (.max, "18446744073.709551615"),
        ])
    func seconds(nanoseconds: UInt64, text: String) {
        var out: [UInt8] = []
        out.appendSeconds(nanoseconds: nanoseconds)
        #expect(String(decoding: out, as: UTF8.self) == text)
    }
}

/// One line of a page, read by the rules of the format and not by those of our writer.
struct Sample {
    var name = ""
    var labels: [(name: String, value: String)] = []
    var value = 0.0

    init?(_ line: Substring) {
        var rest = Substring.UnicodeScalarView(line.unicodeScalars)
        while let scalar = rest.first, scalar != "{", scalar != " " {
            name.unicodeScalars.append(scalar)
            rest.removeFirst()
        }
        if rest.first == "{" {
            rest.removeFirst()
            while let scalar = rest.first, scalar != "}" {
                if scalar == "," { rest.removeFirst() }
                guard let label = Self.label(&rest) else { return nil }
                labels.append(label)
            }
            guard rest.popFirst() == "}" else { return nil }
        }
        guard rest.popFirst() == " ", let number = Double(String(rest)) else { return nil }
        value = number
    }

    private static func label(
        _ rest: inout Substring.UnicodeScalarView
    ) -> (name: String, value: String)? {
        var (name, value) = ("", "")
        while let scalar = rest.popFirst(), scalar != "=" { name.unicodeScalars.append(scalar) }
        guard rest.popFirst() == "\"" else { return nil }
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\"": return (name, value)
            case "\\":
                switch rest.popFirst() {
                case "n": value.append("\n")
                case "\"": value.append("\"")
                case "\\": value.append("\\")
                default: return nil
                }
            default: value.unicodeScalars.append(scalar)
            }
        }
        return nil
    }
}
