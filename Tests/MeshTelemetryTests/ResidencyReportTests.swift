// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshTelemetry
import Testing

@Suite("Reports on residency")
struct ResidencyReportTests {
    private func line(
        _ labels: [String], code: String? = nil, _ hops: (String?, String?, Bool)...
    ) throws -> ReceiptLine {
        var record = Samples.plain()
        record.residency = ResidencyReceipt(
            labels: labels, policies: ["p@1"],
            hops: hops.map { region, jurisdiction, isSent in
                var hop = ResidencyReceipt.Hop(
                    kind: .first, backend: "default/b", endpoint: "10.0.0.1:80", region: region,
                    jurisdiction: jurisdiction)
                hop.wasSent = isSent
                return hop
            })
        if code != nil { record.refusal = "residency-denied" }
        var writer = AccessLogWriter()
        var out: [UInt8] = []
        let none: [UInt8] = []
        let span = none.span.bytes
        writer.append(
            record, method: span, host: span, path: span, query: span, client: span,
            userAgent: span, requestID: span, to: &out)
        return try JSONDecoder().decode(ReceiptLine.self, from: Data(out))
    }

    private func second(_ number: Int64) -> WallTime {
        WallTime(nanoseconds: number * 1_000_000_000)
    }

    @Test("sums what went where, from the lines that are written")
    func sums() throws {
        var report = ResidencyReport(.init())
        report.take(try line(["phi"], ("eu-1", "EU", true), ("eu-2", "EU", false)), at: second(5))
        report.take(try line(["phi", "pii"], ("eu-1", "EU", true)), at: second(9))
        report.take(try line(["phi"], code: "x"), at: second(7))
        #expect(report.requests == 3 && report.refused == 1 && report.unsent == 1)
        let rows = report.rows
        #expect(rows.map(\.row.label) == ["phi", "pii"])
        #expect(rows.map(\.sum.hops) == [2, 1])
        #expect(rows[0].sum.first == second(5) && rows[0].sum.last == second(9))
    }

    @Test("counts only the time and the labels that are asked about")
    func bounds() throws {
        var question = ResidencyReport.Question()
        question.since = second(10)
        question.until = second(20)
        question.labels = ["pii"]
        var report = ResidencyReport(question)
        for time: Int64 in [9, 10, 19, 20] {
            report.take(try line(["phi", "pii"], ("eu", nil, true)), at: second(time))
            report.take(try line(["phi"], ("eu", nil, true)), at: second(time))
        }
        #expect(report.requests == 2 && report.rows.map(\.row.label) == ["pii"])
    }

    /// A hop, and whether it is found.
    struct Case: Sendable {
        var places: [String]
        var region: String?
        var jurisdiction: String?
        var isFound: Bool

        init(_ places: String, _ region: String?, _ jurisdiction: String?, _ isFound: Bool) {
            self.places = places.split(separator: " ").map(String.init)
            self.region = region
            self.jurisdiction = jurisdiction
            self.isFound = isFound
        }
    }

    static let outsideCases: [Case] = [
        Case("EU", "eu-1", "EU", false), Case("eu", nil, "EU", false),
        Case("eu", "eu-1", nil, false), Case("eu", "eu", nil, false),
        Case("eu", "europe-1", nil, true), Case("EU", nil, nil, true),
        Case("eu", "eu-1", "US", true), Case("eu", "eu-1", "EU, US", true),
        Case("eu ch", "x", "EU,CH", false), Case("eu-*", "eu-1", "US", false),
        Case("eu-1", "eu-1", nil, false), Case("eu-1", "eu-11", nil, true),
        Case("eu-*", nil, "EU", true), Case("eu", "frankfurt", "EU", false),
        Case("frankfurt", "frankfurt", nil, false), Case("eu-1 us", "x-1", "US", false),
        Case("eu", "eu", "US", true),
    ]

    @Test("finds hops outside of places, and those of which nobody knows", arguments: outsideCases)
    func outside(hop: Case) throws {
        var question = ResidencyReport.Question()
        question.places = .init(hop.places, isOutside: true)
        var report = ResidencyReport(question)
        report.take(try line(["phi"], (hop.region, hop.jurisdiction, true)), at: second(1))
        report.take(try line(["phi"], (hop.region, hop.jurisdiction, false)), at: second(1))
        #expect(report.findingCount == (hop.isFound ? 1 : 0))
    }

    static let insideCases: [Case] = [
        Case("US", "us-east-1", "US", true), Case("US", "us-east-1", nil, true),
        Case("US", nil, "US", true), Case("US", nil, nil, true), Case("US", "eu-1", "EU", false),
        Case("US", "eu-1", "EU, US", true), Case("US", "eu-1", nil, false),
        Case("US", "australia-1", nil, false),
    ]

    @Test("finds hops within places, and those of which nobody knows", arguments: insideCases)
    func inside(hop: Case) throws {
        var question = ResidencyReport.Question()
        question.places = .init(hop.places, isOutside: false)
        var report = ResidencyReport(question)
        report.take(try line(["phi"], (hop.region, hop.jurisdiction, true)), at: second(1))
        #expect(report.findingCount == (hop.isFound ? 1 : 0))
    }
}
