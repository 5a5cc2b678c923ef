// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Shows merged metrics as the text that Prometheus and its kin read.
///
/// Series stand sorted by their labels, so the page does not depend on which shard saw what
/// first and two pages can be compared line by line. Series that never counted are left out.
///
/// **Source**: Prometheus exposition formats 0.0.4; OpenMetrics 1.0.0.
package enum PrometheusText {
    /// The two texts.
    package enum Format: Hashable, Sendable, CaseIterable {
        /// Prometheus text 0.0.4, which every scraper reads.
        case text
        /// OpenMetrics 1.0.0, for scrapers that ask for it.
        case openMetrics

        /// The value of the `content-type` header.
        package var contentType: StaticString {
            switch self {
            case .text: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics:
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }

    /// The page of `metrics`, which were merged from all shards.
    ///
    /// **Shape**: UTF-8, at most `limit` bytes and a few for the mark that says so; what does not
    /// fit is left out from the end. **Complexity**: a sort of the series, for the scrape and not
    /// for an event loop.
    package static func render(
        _ metrics: ShardMetrics, process: ProcessFacts, format: Format,
        limit: Int = Limits.pageBytes
    ) -> [UInt8] {
        var page = MetricsPage(format: format, limit: limit)
        page.writeProcess(process)
        page.writeMesh(metrics)
        page.writeBackends(metrics)
        page.writeTurnstiles(metrics)
        page.writeLimits(metrics)
        page.writeAccess(metrics)
        page.writeIdentity(metrics)
        page.writeEngines(metrics)
        page.writeRollouts(metrics, process)
        page.writeMirrors(metrics)
        page.writeSelf(metrics)
        page.writeRequests(metrics)
        page.writeModels(metrics)
        // The mark must stand on the very page that lost something, so it has its own room.
        let isTruncated = page.isTruncated
        var mark = MetricsPage(format: format, limit: .max)
        mark.begin(MetricCatalogue.pageTruncated)
        mark.sample(LabelText(), isTruncated ? 1 : 0)
        mark.finish()
        return page.text + mark.text
    }
}
