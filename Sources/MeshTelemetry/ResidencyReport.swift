// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What records say about where labelled data went in some time.
///
/// Records are taken one after another; what is kept are sums, and the hops that are asked about,
/// so that logs of any length can be read.
package struct ResidencyReport: Sendable {
    /// What is asked.
    package struct Question: Sendable {
        /// The first moment that counts, or nil for the beginning.
        package var since: WallTime?
        /// The first moment that does not count any more, or nil for the end.
        package var until: WallTime?
        /// The labels that count; empty for every one.
        package var labels: [String] = []
        /// What hops are looked for, or nil for none.
        package var places: Places?

        /// The question that everything answers.
        package init() {}
    }

    /// Hops that are looked for.
    package struct Places: Hashable, Sendable {
        /// The places: jurisdictions (`EU`), regions (`eu-west-1`) or regions by their beginning
        /// (`eu-*`). No case matters.
        package var names: [String]
        /// Whether those are looked for that are not surely in one of the places; else those that
        /// are not surely outside of all of them.
        package var isOutside: Bool

        /// Hops outside of `names`, or within them.
        package init(_ names: [String], isOutside: Bool) {
            self.names = names.map { $0.lowercased() }
            self.isOutside = isOutside
        }
    }

    /// What was sent where.
    package struct Row: Hashable, Sendable {
        /// The label.
        package var label: String
        /// The region, empty for unknown.
        package var region: String
        /// The jurisdictions, empty for unknown.
        package var jurisdiction: String
        /// The backend.
        package var backend: String
    }

    /// How often, and when.
    package struct Sum: Hashable, Sendable {
        /// Hops.
        package var hops = 0
        /// When the first one's request began.
        package var first: WallTime
        /// When the last one's request began.
        package var last: WallTime
    }

    /// A hop that was looked for.
    package struct Finding: Hashable, Sendable {
        /// When its request began.
        package var time: WallTime
        /// The request's id.
        package var requestID: String
        /// The labels.
        package var labels: [String]
        /// The hop.
        package var hop: ReceiptLine.Hop
    }

    /// What is asked.
    package let question: Question
    /// Labelled requests.
    package private(set) var requests = 0
    /// Those of them that were refused because there was no place for their data.
    package private(set) var refused = 0
    /// Hops that were never made: the connection failed before anything was sent.
    package private(set) var unsent = 0
    /// What was sent where.
    package private(set) var sums: [Row: Sum] = [:]
    /// Hops that were looked for.
    package private(set) var findingCount = 0
    /// The first of them, in the order of the records.
    package private(set) var findings: [Finding] = []
    /// Receipts that could not be written in the time that is asked about, or near it.
    package private(set) var missing = 0
    /// When the first record of any kind began.
    package private(set) var firstRecord: WallTime?
    /// When the last record of any kind began.
    package private(set) var lastRecord: WallTime?

    /// A report that answers `question`.
    package init(_ question: Question) { self.question = question }

    /// A record of any kind began at `time`.
    package mutating func note(recordAt time: WallTime) {
        firstRecord = min(firstRecord ?? time, time)
        lastRecord = max(lastRecord ?? time, time)
    }

    /// Receipts were lost, `count` of them, between the two moments.
    package mutating func take(gap count: Int, from start: WallTime, to end: WallTime) {
        if let since = question.since, end < since { return }
        if let until = question.until, start >= until { return }
        missing += count
    }

    /// Whether records cover all of the time that is asked about, as far as they can tell. About
    /// the time before the first record nothing is known; without a beginning that is no matter.
    package var isComplete: Bool {
        guard missing == 0, let first = firstRecord else { return false }
        return question.since.map { $0 >= first } ?? true
    }

    /// Takes one record with a receipt.
    package mutating func take(_ line: ReceiptLine, at time: WallTime) {
        if let since = question.since, time < since { return }
        if let until = question.until, time >= until { return }
        let labels = line.residency.labels.filter {
            question.labels.isEmpty || question.labels.contains($0)
        }
        guard !labels.isEmpty else { return }
        requests += 1
        if line.code == "residency-denied" { refused += 1 }
        for hop in line.residency.hops {
            guard hop.sent else {
                unsent += 1
                continue
            }
            for label in labels { add(hop, label, at: time) }
            guard let places = question.places, places.wants(hop) else { continue }
            findingCount += 1
            if findings.count < Limits.reportedFindings {
                findings.append(
                    Finding(time: time, requestID: line.requestID, labels: labels, hop: hop))
            }
        }
    }

    /// The sums, by label, region, jurisdiction and backend.
    package var rows: [(row: Row, sum: Sum)] {
        sums.map { ($0.key, $0.value) }.sorted { a, b in
            (a.0.label, a.0.region, a.0.jurisdiction, a.0.backend)
                < (b.0.label, b.0.region, b.0.jurisdiction, b.0.backend)
        }
    }

    private mutating func add(_ hop: ReceiptLine.Hop, _ label: String, at time: WallTime) {
        let row = Row(
            label: label, region: hop.region ?? "", jurisdiction: hop.jurisdiction ?? "",
            backend: hop.backend ?? "")
        var sum = sums[row] ?? Sum(first: time, last: time)
        sum.hops += 1
        sum.first = min(sum.first, time)
        sum.last = max(sum.last, time)
        sums[row] = sum
    }
}

extension ResidencyReport.Places {
    /// Whether `hop` is looked for. Where it is unknown whether it is, it is.
    func wants(_ hop: ReceiptLine.Hop) -> Bool {
        switch isWithin(hop) {
        case true?: !isOutside
        case false?: isOutside
        case nil: true
        }
    }

    /// Whether `hop` is in one of the places; nil when nobody knows.
    ///
    /// A jurisdiction says more than a region that is called like one: where it is known, it
    /// decides about places that may be one. Who is subject to several is within when all are,
    /// and without when none is.
    private func isWithin(_ hop: ReceiptLine.Hop) -> Bool? {
        let region = (hop.region ?? "").lowercased()
        let own = (hop.jurisdiction ?? "").lowercased().split(separator: ",")
            .map { String($0.filter { $0 != " " }) }.filter { !$0.isEmpty }
        let regions = names.filter { $0.contains("-") || $0.hasSuffix("*") }
        let areas = names.filter { !regions.contains($0) }
        if !region.isEmpty, regions.contains(where: { Self.matches($0, region) }) { return true }
        if areas.isEmpty { return region.isEmpty ? nil : false }
        if !own.isEmpty {
            let within = own.count { areas.contains($0) }
            if within == own.count { return true }
            return within == 0 && !areas.contains(region) ? false : nil
        }
        if region.isEmpty { return nil }
        return areas.contains { region == $0 || region.hasPrefix($0 + "-") }
    }

    private static func matches(_ pattern: String, _ region: String) -> Bool {
        pattern.hasSuffix("*") ? region.hasPrefix(pattern.dropLast()) : pattern == region
    }
}

/// What a report reads of a line about receipts that were lost.
package struct GapLine: Decodable, Hashable, Sendable {
    /// When that was told.
    package var time: String
    /// What was lost.
    package var gap: Gap

    /// What was lost.
    package struct Gap: Decodable, Hashable, Sendable {
        /// How many receipts.
        package var records: Int
        /// Since when.
        package var since: String
    }

    private enum CodingKeys: String, CodingKey {
        case time
        case gap = "residency_gap"
    }
}

/// What a report reads of a line of the access log.
package struct ReceiptLine: Decodable, Hashable, Sendable {
    /// When the request began, after RFC 3339.
    package var time: String
    /// The request's id.
    package var requestID: String
    /// The code of the refusal, or nil.
    package var code: String?
    /// Where labelled data went.
    package var residency: Receipt

    /// Where labelled data went.
    package struct Receipt: Decodable, Hashable, Sendable {
        /// The labels.
        package var labels: [String]
        /// The policies.
        package var policies: [String]
        /// The hops.
        package var hops: [Hop]
    }

    /// One endpoint that it was about to go to.
    package struct Hop: Decodable, Hashable, Sendable {
        /// Why.
        package var kind: String
        /// The backend.
        package var backend: String?
        /// The endpoint.
        package var endpoint: String?
        /// The region, or nil.
        package var region: String?
        /// The jurisdictions, or nil.
        package var jurisdiction: String?
        /// The provider, or nil.
        package var provider: String?
        /// The evidence, or nil.
        package var attestation: String?
        /// Whether it went there.
        package var sent: Bool
    }

    private enum CodingKeys: String, CodingKey {
        case time, residency
        case requestID = "request_id"
        case code = "error_code"
    }
}
