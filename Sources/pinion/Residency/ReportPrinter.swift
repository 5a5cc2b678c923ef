// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshTelemetry

/// A report on residency for people and for programs.
struct ReportPrinter {
    private let report: ResidencyReport
    private let places: [String]
    private let unreadable: Int

    init(_ report: ResidencyReport, places: [String], _ reader: ReceiptReader) {
        self.report = report
        self.places = places
        unreadable = reader.unreadable
    }

    /// Findings that the text names.
    private static let shown = 20

    var text: String {
        var parts = [coverage]
        if !report.rows.isEmpty {
            parts.append(Table.rendered(report.rows.map(Self.cells), as: .text))
        }
        parts.append(
            "\(Terminal.count(report.requests, "labelled request")), "
                + "\(report.refused) refused for want of a place, "
                + "\(Terminal.count(report.unsent, "hop")) not made")
        if report.missing > 0 {
            parts.append(
                "records missing: \(Terminal.count(report.missing, "receipt")) could not be "
                    + "written, so that this is not the whole answer")
        }
        if let answer { parts.append(answer) }
        if unreadable > 0 {
            parts.append(
                "\(Terminal.count(unreadable, "line")) with a receipt cannot be read, so that "
                    + "this is not the whole answer")
        }
        return parts.joined(separator: "\n")
    }

    private var answer: String? {
        guard let asked = report.question.places else { return nil }
        let labels = report.question.labels.joined(separator: ", ")
        let data = labels.isEmpty ? "labelled data" : "data of label \(labels)"
        let where_ = "\(asked.isOutside ? "outside of" : "to") \(places.joined(separator: ", "))"
        guard report.findingCount > 0 else {
            return report.isComplete && unreadable == 0
                ? "answer: no \(data) went \(where_)"
                : "answer: not known; as far as these records tell, no \(data) went \(where_)"
        }
        var lines = [
            "answer: \(data) went \(where_), or where nobody knows: "
                + Terminal.count(report.findingCount, "hop")
        ]
        for finding in report.findings.prefix(Self.shown) {
            lines.append(
                "  \(Self.time(finding.time)) request \(finding.requestID): \(finding.hop.kind) to "
                    + "\(finding.hop.backend ?? "unknown"), \(finding.hop.endpoint ?? "unknown") "
                    + "(region \(finding.hop.region ?? "unknown"), "
                    + "jurisdiction \(finding.hop.jurisdiction ?? "unknown"))")
        }
        if report.findingCount > Self.shown {
            lines.append("  … and \(report.findingCount - Self.shown) more")
        }
        return lines.joined(separator: "\n")
    }

    /// What time the records are of: about the rest they say nothing.
    private var coverage: String {
        guard let first = report.firstRecord, let last = report.lastRecord else {
            return "there are no records"
        }
        let span = "records from \(Self.time(first)) to \(Self.time(last))"
        if let since = report.question.since, since < first {
            return span + "; nothing is known of the time between \(Self.time(since)) and then"
        }
        return span
    }

    private static func cells(
        _ row: ResidencyReport.Row, _ sum: ResidencyReport.Sum
    ) -> [(String, Cell)] {
        [
            ("label", .text(row.label)), ("region", .text(row.region)),
            ("jurisdiction", .text(row.jurisdiction)), ("backend", .text(row.backend)),
            ("hops", .number(sum.hops)), ("first", .text(time(sum.first))),
            ("last", .text(time(sum.last))),
        ]
    }

    private static func time(_ time: WallTime) -> String {
        var text: [UInt8] = []
        time.appendRFC3339(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    // MARK: Programs

    private struct Document: Encodable {
        struct Row: Encodable {
            var label, region, jurisdiction, backend: String
            var hops: Int
            var first, last: String
        }
        struct Finding: Encodable {
            var time, requestId, kind: String
            var labels: [String]
            var backend, endpoint, region, jurisdiction, attestation: String?
        }
        var firstRecord, lastRecord: String?
        var requests, refused, notSent, unreadable, missing, found: Int
        var complete: Bool
        var rows: [Row]
        var findings: [Finding]
    }

    /// JSON is YAML, too.
    func json() throws -> String {
        let document = Document(
            firstRecord: report.firstRecord.map(Self.time),
            lastRecord: report.lastRecord.map(Self.time), requests: report.requests,
            refused: report.refused, notSent: report.unsent, unreadable: unreadable,
            missing: report.missing, found: report.findingCount,
            complete: report.isComplete && unreadable == 0,
            rows: report.rows.map { row, sum in
                Document.Row(
                    label: row.label, region: row.region, jurisdiction: row.jurisdiction,
                    backend: row.backend, hops: sum.hops, first: Self.time(sum.first),
                    last: Self.time(sum.last))
            },
            findings: report.findings.map { finding in
                Document.Finding(
                    time: Self.time(finding.time), requestId: finding.requestID,
                    kind: finding.hop.kind, labels: finding.labels, backend: finding.hop.backend,
                    endpoint: finding.hop.endpoint, region: finding.hop.region,
                    jurisdiction: finding.hop.jurisdiction, attestation: finding.hop.attestation)
            })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .withoutEscapingSlashes, .sortedKeys]
        return String(decoding: try encoder.encode(document), as: UTF8.self)
    }
}
