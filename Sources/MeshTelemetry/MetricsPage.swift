// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The exposition text as it grows, one family after the other.
///
/// A series is written whole or not at all: past the bound it is taken back, and so are all that
/// follow it, so that what is left is a page that a scraper reads.
struct MetricsPage {
    private(set) var text: [UInt8] = []
    private(set) var isTruncated = false
    private let format: PrometheusText.Format
    private let limit: Int
    private var metric: Metric?
    private var hasHeader = false

    /// An empty page of at most `limit` bytes.
    init(format: PrometheusText.Format, limit: Int) {
        self.format = format
        self.limit = limit
    }

    /// Begins the family of `metric`. Its head is written with its first series: a family
    /// without series is not shown.
    mutating func begin(_ metric: Metric) {
        self.metric = metric
        hasHeader = false
    }

    /// One series of a counter, gauge or info with a whole value.
    mutating func sample(_ labels: LabelText, _ value: UInt64) {
        sample(labels) { $0.appendDecimal(value) }
    }

    /// One series of a gauge that may be negative for a moment between two shards' copies.
    mutating func sample(_ labels: LabelText, signed value: Int64) {
        sample(labels) { $0.appendDecimal(Int(value)) }
    }

    /// One series whose value is nanoseconds, shown as seconds.
    mutating func sample(_ labels: LabelText, nanoseconds value: UInt64) {
        sample(labels) { $0.appendSeconds(nanoseconds: value) }
    }

    /// One series whose value is trillionths, shown as units.
    mutating func sample(_ labels: LabelText, trillionths value: UInt64) {
        sample(labels) { $0.append(trillionths: value) }
    }

    /// One series of a histogram: all of its buckets, its count and its sum.
    mutating func histogram(_ labels: LabelText, _ bank: HistogramBank, row: Int) {
        series { text, name in
            var cumulative: UInt64 = 0
            for bucket in 0..<bank.layout.bucketCount {
                cumulative = cumulative.addingSaturated(bank.count(at: row, bucket: bucket))
                text.append(name)
                text.append("_bucket{" as StaticString)
                text.append(contentsOf: labels.text)
                if !labels.text.isEmpty { text.append(UInt8(ascii: ",")) }
                text.append("le=\"" as StaticString)
                text.appendBound(bank.layout, bucket)
                text.append("\"} " as StaticString)
                text.appendDecimal(cumulative)
                text.append(UInt8(ascii: "\n"))
            }
            text.append(name)
            text.append("_sum" as StaticString)
            labels.append(to: &text)
            switch bank.layout.unit {
            case .seconds: text.appendSeconds(nanoseconds: bank.sum(at: row))
            case .count: text.appendDecimal(bank.sum(at: row))
            case .fraction: text.appendFraction(tenThousandths: bank.sum(at: row))
            }
            text.append("\n" as StaticString)
            text.append(name)
            text.append("_count" as StaticString)
            labels.append(to: &text)
            text.appendDecimal(cumulative)
            text.append(UInt8(ascii: "\n"))
        }
    }

    /// Ends the page.
    mutating func finish() {
        if format == .openMetrics { text.append("# EOF\n" as StaticString) }
    }

    private mutating func sample(_ labels: LabelText, _ value: (inout [UInt8]) -> Void) {
        series { text, name in
            text.append(name)
            labels.append(to: &text)
            value(&text)
            text.append(UInt8(ascii: "\n"))
        }
    }

    private mutating func series(_ write: (inout [UInt8], String) -> Void) {
        guard let metric, !isTruncated else { return }
        let start = text.count
        if !hasHeader { writeHeader(metric) }
        write(&text, metric.name)
        if text.count > limit {
            text.removeSubrange(start...)
            isTruncated = true
        } else {
            hasHeader = true
        }
    }

    private mutating func writeHeader(_ metric: Metric) {
        let isOpen = format == .openMetrics
        let family = isOpen ? metric.openMetricsFamily : metric.name
        text.append("# TYPE " as StaticString)
        text.append(family)
        text.append(UInt8(ascii: " "))
        text.append(!isOpen && metric.kind == .info ? "gauge" : metric.kind.rawValue)
        if isOpen, let unit = metric.unit {
            text.append("\n# UNIT " as StaticString)
            text.append(family)
            text.append(UInt8(ascii: " "))
            text.append(unit)
        }
        text.append("\n# HELP " as StaticString)
        text.append(family)
        text.append(UInt8(ascii: " "))
        text.appendEscaped(metric.help, quotes: isOpen)
        text.append(UInt8(ascii: "\n"))
    }
}

/// The labels of one series as they stand on the page, without the braces; written once and
/// used for all lines of the series.
struct LabelText {
    private(set) var text: [UInt8] = []

    /// Labels by name and value in the order given; an empty value is the same as no label and
    /// is left out.
    init(_ names: [String] = [], _ values: [String] = []) {
        precondition(names.count == values.count, "each declared label has a value")
        for (name, value) in zip(names, values) where !value.isEmpty {
            if !text.isEmpty { text.append(UInt8(ascii: ",")) }
            text.append(name)
            text.append("=\"" as StaticString)
            text.appendEscaped(value, quotes: true)
            text.append(UInt8(ascii: "\""))
        }
    }

    /// Appends the labels in braces, if any, and the space before the value.
    func append(to out: inout [UInt8]) {
        if !text.isEmpty {
            out.append(UInt8(ascii: "{"))
            out.append(contentsOf: text)
            out.append(UInt8(ascii: "}"))
        }
        out.append(UInt8(ascii: " "))
    }
}
