// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshCompiler
import MeshControl
import MeshExchange
import MeshSnapshot

/// `pinion replay`
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Decide recorded requests again, under the same or another configuration.",
        discussion: """
            FILE is what `spec.recording.file` of a Mesh names; without it, what a running pinion
            has in memory. Under its own configuration every decision must come out the same, to
            the bit: pinion replay FILE exits with 1 when one does not. With -f, it says which
            requests another configuration would route, refuse or price differently.
            """)

    @Argument(help: "A file of recordings, `-` for standard input.")
    var recording: String?

    @Option(
        name: .shortAndLong, help: "Another configuration: a YAML file or folder; may be repeated.")
    var file: [String] = []

    @Option(name: .shortAndLong, help: "text, json or yaml.")
    var output = OutputFormat.text

    @Option(help: "Where the running pinion serves its admin port.")
    var admin = "127.0.0.1:15000"

    func run() throws {
        let recorded =
            try recording.map { try RecordingSource.file($0) } ?? RecordingSource.running(admin)
        if file.isEmpty {
            try replaySame(recorded)
        } else {
            try replayOther(recorded)
        }
    }

    private func replaySame(_ recorded: RecordingFile) throws {
        let snapshots = recorded.snapshots
        var equal = 0
        var rows: [[(String, Cell)]] = []
        var reasons = 0
        for exchange in recorded.exchanges {
            let row: String
            do {
                let replay = try Replay.run(exchange) { snapshots.snapshot($0, of: exchange) }
                guard let difference = replay.difference else {
                    equal += 1
                    continue
                }
                row = difference
            } catch {
                reasons += 1
                row = "not replayed: \(error.reason)"
            }
            rows.append([("request", .text(exchange.id)), ("difference", .text(row))])
        }
        let different = recorded.exchanges.count - equal - reasons
        Comparison.show(
            rows, as: output,
            summary: "\(Terminal.count(recorded.exchanges.count, "exchange")): \(equal) equal to "
                + "the bit, \(different) different, \(reasons) that could not be replayed")
        if different > 0 || equal == 0 { throw ExitCode.failure }
    }

    private func replayOther(_ recorded: RecordingFile) throws {
        let names = recorded.configurations.last?.resolved
        let other = try CompiledFiles(file, resolved: names ?? ResolvedNames(), version: .max)
        let comparison = Comparison(recorded, other.snapshot)
        Comparison.show(comparison.rows, as: output, summary: comparison.summary)
        for name in other.unknownNames {
            Terminal.err("note: \(name) was not resolved; its endpoints are missing here")
        }
    }
}

/// What another configuration would do with recorded requests.
struct Comparison {
    /// One row for each request that it would treat differently.
    private(set) var rows: [[(String, Cell)]] = []
    /// The rows without the requests, each with how many there are and one of them.
    private(set) var groups: [(change: String, count: Int, example: String)] = []
    private let total: Int
    private var undecided = 0

    init(_ recorded: RecordingFile, _ other: Snapshot) {
        let snapshots = recorded.snapshots
        total = recorded.exchanges.count
        for exchange in recorded.exchanges {
            guard let before = snapshots.snapshot(exchange.snapshot, of: exchange),
                let old = try? Replay.decide(exchange, under: before).decision,
                let new = try? Replay.decide(exchange, under: other).decision
            else {
                undecided += 1
                continue
            }
            guard old != new else { continue }
            let change = Self.words(old, new)
            rows.append([
                ("request", .text(exchange.callerID ?? exchange.id)),
                ("then", .text(old.text)), ("would", .text(new.text)),
            ])
            if let known = groups.firstIndex(where: { $0.change == change }) {
                groups[known].count += 1
            } else {
                groups.append((change, 1, exchange.callerID ?? exchange.id))
            }
        }
        groups.sort { $0.count > $1.count }
    }

    /// How many, in a sentence.
    var summary: String {
        var text =
            "\(rows.count) of \(Terminal.count(total, "recorded request")) would be treated "
            + "differently"
        if undecided > 0 { text += ", \(undecided) could not be compared" }
        return text
    }

    /// The change without the sums of a single request, so that equal ones are counted together.
    private static func words(_ old: Decision, _ new: Decision) -> String {
        var (old, new) = (old, new)
        let (before, after) = (old.cost, new.cost)
        (old.cost, new.cost) = (nil, nil)
        if old == new {
            return "priced differently, \(after ?? "without a price") instead of "
                + "\(before ?? "none")"
        }
        return "\(new.text) instead of \(old.text)"
            + (before == after ? "" : ", at another price")
    }

    /// Prints rows, and the summary where it does not disturb.
    static func show(_ rows: [[(String, Cell)]], as format: OutputFormat, summary: String) {
        if !rows.isEmpty || format != .text { Terminal.out(Table.rendered(rows, as: format)) }
        if format == .text { Terminal.out(summary) } else { Terminal.err(summary) }
    }
}
