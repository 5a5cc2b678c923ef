// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshBasics
import MeshModel
import MeshProxy
import MeshTelemetry

/// `pinion report`
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Answer questions from the records that were kept.",
        subcommands: [ReportResidencyCommand.self])
}

/// `pinion report residency`
struct ReportResidencyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "residency",
        abstract: "Tell where labelled data went, from access logs.",
        discussion: """
            Reads the receipts in lines of the access log, `-` for standard input. A PLACE is a
            jurisdiction (EU), a region (eu-west-1) or a beginning of regions (eu-*). The exit code
            is 1 when a hop that is looked for with --outside or --inside was found, a hop at an
            unknown place among them, or when a line could not be read or receipts are missing;
            else 0. Where records do not reach as far as --since, the answer says so.

            Did any PHI reach a US host last quarter?
              pinion report residency --since 90d --label phi --inside US access.log*
            """)

    @Argument(help: "Access logs, in any order.")
    var logs: [String] = []

    @Option(help: "Count from then on: a length back from now (90d, 12h) or 2026-01-31T12:00:00Z.")
    var since: String?

    @Option(help: "Count until then, written as for --since.")
    var until: String?

    @Option(help: "Count this data label only; may be repeated.")
    var label: [String] = []

    @Option(help: "Look for data that went outside of PLACE; may be repeated.")
    var outside: [String] = []

    @Option(help: "Look for data that went to PLACE; may be repeated.")
    var inside: [String] = []

    @Option(name: .shortAndLong, help: "text, json or yaml.")
    var output = OutputFormat.text

    func validate() throws {
        if logs.isEmpty {
            throw ValidationError(
                "name the access logs: pinion report residency --since 90d access.log")
        }
        if !outside.isEmpty, !inside.isEmpty {
            throw ValidationError("ask for --outside or --inside, one at a time")
        }
        for text in [since, until].compactMap({ $0 }) where Self.moment(text) == nil {
            throw ValidationError("\(text) is no time; write 90d, 12h or 2026-01-31T12:00:00Z")
        }
    }

    func run() throws {
        var question = ResidencyReport.Question()
        question.since = since.flatMap(Self.moment)
        question.until = until.flatMap(Self.moment)
        question.labels = label
        if !outside.isEmpty { question.places = .init(outside, isOutside: true) }
        if !inside.isEmpty { question.places = .init(inside, isOutside: false) }
        var reader = ReceiptReader(question)
        for log in logs {
            guard reader.read(log) else {
                Terminal.err("\(log): no such file, or it cannot be read; name an access log")
                throw ExitCode.failure
            }
        }
        let printer = ReportPrinter(reader.report, places: outside + inside, reader)
        switch output {
        case .text: Terminal.out(printer.text)
        case .json, .yaml: Terminal.out(try printer.json())
        }
        if reader.report.findingCount > 0 || reader.unreadable > 0 || reader.report.missing > 0 {
            throw ExitCode.failure
        }
    }

    /// The moment that `text` names, or nil.
    static func moment(_ text: String) -> WallTime? {
        let now =
            Int64(truncatingIfNeeded: LiveWorld.now().nanoseconds) + LiveWorld.wallOffset()
        if let seconds = Notation.timestamp(text) {
            return WallTime(nanoseconds: seconds &* 1_000_000_000)
        }
        if text.hasSuffix("d"), let days = Int64(text.dropLast()), (0...36_500).contains(days) {
            return WallTime(nanoseconds: now - days * 86_400 * 1_000_000_000)
        }
        return Notation.duration(text).map { WallTime(nanoseconds: now - $0.rawValue) }
    }
}

/// Reads access logs line by line.
struct ReceiptReader {
    /// What was read so far.
    private(set) var report: ResidencyReport
    /// Lines that hold a receipt and cannot be read.
    private(set) var unreadable = 0
    private let decoder = JSONDecoder()

    init(_ question: ResidencyReport.Question) { report = ResidencyReport(question) }

    /// Reads the file `path`, `-` for standard input; false when there is none.
    mutating func read(_ path: String) -> Bool {
        let handle = path == "-" ? .standardInput : FileHandle(forReadingAtPath: path)
        guard let handle else { return false }
        var rest = Data()
        while let chunk = try? handle.read(upToCount: 1 << 20), !chunk.isEmpty {
            rest.append(chunk)
            var start = rest.startIndex
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                take(rest[start..<end])
                start = rest.index(after: end)
            }
            rest = Data(rest[start...])
        }
        // A line without its end was cut off, and what is whole of it counts.
        if !rest.isEmpty { take(rest) }
        return true
    }

    private static let opening = Data("{\"time\":\"".utf8)
    private static let receipt = Data("\"residency\":{".utf8)
    private static let gap = Data("\"residency_gap\":{".utf8)

    private mutating func take(_ line: Data) {
        guard line.starts(with: Self.opening) else {
            // Other processes may write to the same place.
            if line.range(of: Self.receipt) != nil { unreadable += 1 }
            return
        }
        let text = line.dropFirst(Self.opening.count).prefix { $0 != UInt8(ascii: "\"") }
        let time = Self.time(String(decoding: text, as: UTF8.self))
        if let time { report.note(recordAt: time) }
        if line.range(of: Self.gap) != nil {
            guard let time, let told = try? decoder.decode(GapLine.self, from: line) else {
                unreadable += 1
                return
            }
            report.take(gap: told.gap.records, from: Self.time(told.gap.since) ?? time, to: time)
            return
        }
        guard line.range(of: Self.receipt) != nil else { return }
        guard let time, let receipt = try? decoder.decode(ReceiptLine.self, from: line) else {
            unreadable += 1
            return
        }
        report.take(receipt, at: time)
    }

    /// A time of the access log, to the second.
    private static func time(_ text: String) -> WallTime? {
        Notation.timestamp(text).map { WallTime(nanoseconds: $0 &* 1_000_000_000) }
    }
}
