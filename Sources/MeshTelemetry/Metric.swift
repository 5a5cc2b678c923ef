// SPDX-License-Identifier: Apache-2.0

/// One declared metric: everything that a page, a dashboard or a reader needs to know of it.
package struct Metric: Hashable, Sendable {
    /// The name in Prometheus: the OpenTelemetry name with underscores, its unit, and `_total`
    /// for counters.
    package let name: String
    /// The name in OpenTelemetry, when the conventions have one.
    package let openTelemetryName: String?
    /// What kind of series it has.
    package let kind: Kind
    /// The unit that the name ends in, before `_total`.
    package let unit: String?
    /// One sentence.
    package let help: String
    /// Names of the labels, in the order of the page. All are bounded.
    package let labels: [String]
    /// What may change without notice.
    package let stability: Stability
    /// The buckets of a histogram.
    package let buckets: BucketLayout?

    /// Kinds of metrics.
    package enum Kind: String, Hashable, Sendable {
        /// Only rises.
        case counter
        /// Rises and falls.
        case gauge
        /// Counts by size.
        case histogram
        /// A constant 1 whose labels say something.
        case info
    }

    /// How much one may build on a metric.
    package enum Stability: String, Hashable, Sendable {
        /// Name, labels and meaning stay within a major version.
        case core
        /// May change with the conventions it follows, or with us.
        case unstable
    }

    init(
        _ name: String, _ kind: Kind, unit: String? = nil, labels: [String] = [],
        _ stability: Stability = .core, buckets: BucketLayout? = nil, otel: String? = nil,
        help: String
    ) {
        self.name = name
        self.openTelemetryName = otel
        self.kind = kind
        self.unit = unit
        self.help = help
        self.labels = labels
        self.stability = stability
        self.buckets = buckets
    }

    /// The name of the family in OpenMetrics, which is without the suffix of its samples.
    package var openMetricsFamily: String {
        switch kind {
        case .counter: name.hasSuffix("_total") ? String(name.dropLast(6)) : name
        case .info: name.hasSuffix("_info") ? String(name.dropLast(5)) : name
        case .gauge, .histogram: name
        }
    }
}
