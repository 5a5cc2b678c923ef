// SPDX-License-Identifier: Apache-2.0

extension MetricCatalogue {
    /// The text of `Docs/metrics.md`; a test keeps the file equal to it.
    package static func markdown() -> String {
        var text = """
            # Metrics

            The proxy shows these on its admin port as Prometheus text 0.0.4 or, when the scraper \
            asks for it, OpenMetrics 1.0.0. This page is written from the table in \
            `Sources/MeshTelemetry/MetricCatalogue.swift` (version \(version)); names with an \
            OpenTelemetry twin follow \(schemaURL).

            - **core** metrics keep their name, labels and meaning within a major version. \
            **unstable** ones follow conventions that are still in development.
            - A series appears when it first counts. A label without a value is left out.
            - Each event loop tells at most \(Limits.seriesPerTable) routes, models and backends \
            apart; what comes after is counted under the label value `\(LabelValue.other)` and in \
            `\(seriesDropped.name)`. Label values are cut at \(Limits.labelBytes) bytes.
            - A page is at most \(Limits.pageBytes >> 20) MiB; \
            `\(pageTruncated.name)` says when something was left out.

            """
        section("The process and its configuration", process, in: &text)
        section("The mesh", mesh, in: &text)
        section("Requests", requests, in: &text)
        section("Generations", generations, in: &text)
        text += "\n## Buckets\n\n| metric | upper bounds |\n|---|---|\n"
        for metric in all {
            guard let layout = metric.buckets else { continue }
            let bounds = (0..<layout.bounds.count).map { bucket in
                var bound: [UInt8] = []
                bound.appendBound(layout, bucket)
                return String(decoding: bound, as: UTF8.self)
            }
            text += "| `\(metric.name)` | \(bounds.joined(separator: ", ")) |\n"
        }
        return text
    }

    private static func section(_ title: String, _ metrics: [Metric], in text: inout String) {
        text += "\n## \(title)\n\n| metric | kind | labels | stability | meaning |\n"
        text += "|---|---|---|---|---|\n"
        for metric in metrics {
            let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
            let twin = metric.openTelemetryName.map { " OpenTelemetry: `\($0)`." } ?? ""
            text += "| `\(metric.name)` | \(metric.kind.rawValue) | \(labels) | "
            text += "\(metric.stability.rawValue) | \(metric.help)\(twin) |\n"
        }
    }
}
