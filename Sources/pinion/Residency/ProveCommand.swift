// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshBasics
import MeshCompiler
import MeshControl
import MeshProxy
import MeshSnapshot

/// `pinion prove`
struct ProveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove",
        abstract: "Prove what a configuration can never do.",
        subcommands: [ProveResidencyCommand.self])
}

/// `pinion prove residency`
struct ProveResidencyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "residency",
        abstract: "Prove that labelled data stays where its ResidencyPolicies let it be.",
        discussion: """
            Walks every path that a request with a data label can take: each listener, rule,
            model, target, fallback, copy and endpoint, of which there are finitely many. When all
            lead where the data may be, that is the proof, and the exit code is 0. Otherwise the
            shortest path that does not is shown, and the exit code is 1. Proxies refuse such a
            path when it comes to it; with --rely-on-filter that is good enough. Without -f the
            configuration of a running pinion is proved.
            """)

    @Option(name: .shortAndLong, help: "A YAML file or a folder of them; may be repeated.")
    var file: [String] = []

    @Option(name: .shortAndLong, help: "text, json or yaml.")
    var output = OutputFormat.text

    @Flag(help: "Accept paths that proxies refuse to go.")
    var relyOnFilter = false

    @Flag(help: "Print every path.")
    var paths = false

    @Option(help: "Where the running pinion serves its admin port.")
    var admin = "127.0.0.1:15000"

    func run() throws {
        let snapshot = try self.snapshot()
        let now = WallTime(
            nanoseconds: Int64(truncatingIfNeeded: LiveWorld.now().nanoseconds)
                + LiveWorld.wallOffset())
        let proof = ResidencyProof.of(snapshot, at: now, reliesOnFilter: relyOnFilter)
        let report = ProofReport(proof, allPaths: paths)
        switch output {
        case .text: Terminal.out(report.text)
        case .json, .yaml: Terminal.out(try report.json())
        }
        if !proof.isProved { throw ExitCode.failure }
    }

    private func snapshot() throws -> Snapshot {
        guard file.isEmpty else { return try CompiledFiles.withEveryName(file) }
        let running = try RecordingSource.running(admin)
        guard let present = running.configurations.last?.snapshot else {
            Terminal.err(
                "the running pinion uses a configuration that this one cannot read; "
                    + "compare `pinion version` with the version of what runs")
            throw ExitCode.failure
        }
        return present
    }
}

extension CompiledFiles {
    /// The snapshot of `paths` with one endpoint for each name, called like the name: enough for
    /// everything that does not ask where an address is on the network.
    static func withEveryName(_ paths: [String]) throws -> Snapshot {
        let first = try CompiledFiles(paths)
        if first.unknownNames.isEmpty { return first.snapshot }
        let entries = first.unknownNames.map {
            ResolvedNames.Entry(hostname: $0, addresses: [$0])
        }
        return try CompiledFiles(paths, resolved: ResolvedNames(entries)).snapshot
    }
}

/// A proof for people and for programs.
private struct ProofReport {
    private let proof: ResidencyProof
    private let allPaths: Bool

    init(_ proof: ResidencyProof, allPaths: Bool) {
        self.proof = proof
        self.allPaths = allPaths
    }

    var text: String {
        guard !proof.labels.isEmpty else {
            return "there is no ResidencyPolicy, so there is nothing to prove: add one"
        }
        var lines = proof.labels.flatMap(lines(about:))
        if allPaths {
            for path in proof.paths { lines.append("\(path.verdict.rawValue): \(Self.line(path))") }
            let more = proof.pathCount - proof.paths.count
            if more > 0 { lines.append("… and \(more) more") }
        }
        guard let worst = proof.counterexamples.first else {
            return (lines + conclusion).joined(separator: "\n")
        }
        lines += ["", "counter-example: \(worst.label) leaves the places that it may be in", ""]
        for (depth, step) in worst.steps.enumerated() {
            lines.append(String(repeating: "  ", count: depth + 1) + "→ \(step)")
        }
        lines += ["", "\(worst.reason).", Self.remedy(worst), "", summary]
        return lines.joined(separator: "\n")
    }

    private func lines(about label: ResidencyProof.Label) -> [String] {
        ["data label \(label.name)"] + label.places.map { "  may be in \($0)" }
            + (label.givers.isEmpty
                ? ["  nothing gives it"] : label.givers.map { "  given by \($0)" })
    }

    private var conclusion: [String] {
        var lines = [
            "",
            "proved: \(Terminal.count(proof.pathCount, "path")) of "
                + "\(Terminal.count(proof.labels.count, "data label")), "
                + (proof.stoppedCount > 0
                    ? "\(proof.allowedCount) lead where the data may be, proxies refuse to go the "
                        + "other \(proof.stoppedCount)"
                    : "and each leads where the data may be"),
            "This rests on what Backends say of their places, and on what gives labels.",
        ]
        if let end = proof.holdsUntil {
            lines.append("It holds until \(Self.time(end)), when the first evidence ends.")
        }
        return lines
    }

    private var summary: String {
        let bad = proof.pathCount - proof.allowedCount
        let stopped = proof.stoppedCount
        return "not proved: \(bad) of \(Terminal.count(proof.pathCount, "path")) "
            + (bad == 1 ? "leads" : "lead") + " where the data may not be; proxies refuse to go "
            + "\(stopped == bad ? (bad == 1 ? "it" : "all of them") : "\(stopped) of them")"
    }

    private static func remedy(_ path: ResidencyPath) -> String {
        switch path.verdict {
        case .stopped:
            "A proxy refuses to go there when it comes to it, so that the request fails where its "
                + "configuration means it to go on. Take the hop out, label the Backend if it is "
                + "elsewhere, or accept the refusal with --rely-on-filter."
        case .escapes: "Nothing stops the data there. Correct what the last line is about."
        case .mistake, .allowed:
            "This is a mistake of the mesh, not of the configuration: please report it."
        }
    }

    private static func line(_ path: ResidencyPath) -> String {
        ([path.label] + path.steps).joined(separator: " → ")
            + (path.reason.isEmpty ? "" : ": \(path.reason)")
    }

    private static func time(_ time: WallTime) -> String {
        var text: [UInt8] = []
        time.appendRFC3339(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    // MARK: Programs

    private struct Document: Encodable {
        struct Label: Encodable {
            var name: String
            var places: [String]
            var givenBy: [String]
        }
        struct Path: Encodable {
            var label: String
            var steps: [String]
            var verdict: String
            var reason: String
        }
        var proved: Bool
        var labels: [Label]
        var pathCount: Int
        var allowedCount: Int
        var stoppedCount: Int
        var holdsUntil: String?
        var counterexamples: [Path]
        var paths: [Path]?
    }

    /// JSON is YAML, too.
    func json() throws -> String {
        func written(_ path: ResidencyPath) -> Document.Path {
            Document.Path(
                label: path.label, steps: path.steps, verdict: path.verdict.rawValue,
                reason: path.reason)
        }
        let document = Document(
            proved: proof.isProved,
            labels: proof.labels.map {
                Document.Label(name: $0.name, places: $0.places, givenBy: $0.givers)
            }, pathCount: proof.pathCount, allowedCount: proof.allowedCount,
            stoppedCount: proof.stoppedCount, holdsUntil: proof.holdsUntil.map(Self.time),
            counterexamples: proof.counterexamples.map(written),
            paths: allPaths ? proof.paths.map(written) : nil)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .withoutEscapingSlashes, .sortedKeys]
        return String(decoding: try encoder.encode(document), as: UTF8.self)
    }
}
