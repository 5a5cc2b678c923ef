// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshWire

/// What a whole JSON answer of a model server turned out to be.
package enum AnswerVerdict: Sendable, Hashable, Codable {
    /// An answer.
    case good
    /// Not one JSON object: it does not begin and end as one.
    case malformed
    /// A failure, told with a status of success or of failure.
    case failed(ErrorClass)

    /// The verdict on `document`, which came with `status`.
    ///
    /// What stands between the first and the last brace of a success is not read: it would cost
    /// large answers much, and what is cut short does not end with a brace.
    package init(status: Int, document: RawSpan) {
        if status >= 400 {
            self = .failed(ErrorClass(status: status, body: document))
            return
        }
        // Most documents do not begin with a report; only those that do are read closely.
        guard Self.hasBraces(document) else {
            self = .malformed
            return
        }
        guard Self.mayReport(document) else {
            self = .good
            return
        }
        guard let report = try? ErrorReport(document) else {
            self = .malformed
            return
        }
        guard report.isError else {
            self = .good
            return
        }
        self = .failed(ErrorClass(status: Self.status(of: report), body: document))
    }

    /// The status that `report` deserves: the one it names, else that of a bad gateway.
    package static func status(of report: ErrorReport) -> Int {
        guard let status = report.status, (400...599).contains(status) else { return 502 }
        return status
    }

    private static func hasBraces(_ document: RawSpan) -> Bool {
        var (first, last) = (0, document.byteCount - 1)
        while first < last, document[first] <= 0x20 { first += 1 }
        while last > first, document[last] <= 0x20 { last -= 1 }
        guard first < last else { return false }
        // Lists are what some servers answer rerank requests with.
        return document[first] == UInt8(ascii: "{") && document[last] == UInt8(ascii: "}")
            || document[first] == UInt8(ascii: "[") && document[last] == UInt8(ascii: "]")
    }

    /// Whether `error` stands among the first names of the document. Responses have some in front
    /// of it.
    private static func mayReport(_ document: RawSpan) -> Bool {
        let window = document.extracting(first: 256)
        return EventMarks(in: window).contains(.error)
    }
}
