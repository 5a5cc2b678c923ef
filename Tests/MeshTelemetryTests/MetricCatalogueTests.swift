// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshTelemetry
import Testing

@Suite("The catalogue of metrics")
struct MetricCatalogueTests {
    @Test("names follow the rules of Prometheus", arguments: MetricCatalogue.all)
    func names(metric: Metric) {
        let allowed = "abcdefghijklmnopqrstuvwxyz0123456789_"
        #expect(metric.name.allSatisfy(allowed.contains))
        #expect((metric.kind == .counter) == metric.name.hasSuffix("_total"))
        #expect((metric.kind == .info) == metric.name.hasSuffix("_info"))
        #expect((metric.kind == .histogram) == (metric.buckets != nil))
        if let unit = metric.unit { #expect(metric.openMetricsFamily.hasSuffix("_" + unit)) }
        if metric.buckets?.unit == .seconds { #expect(metric.unit == "seconds") }
        #expect(metric.labels.allSatisfy { $0.allSatisfy(allowed.contains) && $0 != "le" })
        #expect(Set(metric.labels).count == metric.labels.count)
        #expect(metric.help.hasSuffix(".") && !metric.help.contains("|"))
    }

    @Test("OpenTelemetry names and ours are the same words", arguments: MetricCatalogue.all)
    func twins(metric: Metric) {
        guard let twin = metric.openTelemetryName else { return }
        let words = twin.replacing(".", with: "_")
        #expect(metric.name == words + (metric.unit.map { "_" + $0 } ?? ""))
        #expect(twin.hasPrefix("gen_ai.") == (metric.stability == .unstable))
    }

    @Test("no family has a name that a sample of another could have")
    func clashes() {
        var names: Set<String> = []
        for metric in MetricCatalogue.all {
            var own: Set<String> = [metric.openMetricsFamily, metric.name]
            if metric.kind == .histogram {
                own.formUnion(["_bucket", "_sum", "_count"].map { metric.name + $0 })
            }
            for name in own { #expect(names.insert(name).inserted, "\(name)") }
        }
    }

    @Test("Docs/metrics.md is the text that the catalogue writes")
    func documentation() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appending(path: "Docs/metrics.md")
        let text = MetricCatalogue.markdown()
        if ProcessInfo.processInfo.environment["PINION_WRITE_DOCS"] == "1" {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        let committed = try String(contentsOf: file, encoding: .utf8)
        #expect(committed == text, "run the tests with PINION_WRITE_DOCS=1 and commit the file")
    }
}
