// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshCompiler
import MeshControl
import MeshModel
import MeshSnapshot

/// `pinion check`
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Report everything that is wrong with a configuration.",
        discussion: """
            Prints one line for each problem: file:line:column: kind/name: field: what is wrong,
            and what to do. Exits with 2 when there is an error; warnings alone are no error.
            """)

    @Option(name: .shortAndLong, help: "A YAML file or a folder of them; may be repeated.")
    var file: [String] = []

    @Argument(help: "The same as -f.")
    var paths: [String] = []

    @Option(name: .shortAndLong, help: "text, json or yaml.")
    var output = OutputFormat.text

    func validate() throws {
        if file.isEmpty, paths.isEmpty {
            throw ValidationError("name a file or folder: pinion check -f mesh.yaml")
        }
    }

    func run() throws {
        let sources: [SourceFile]
        do {
            sources = try ConfigurationFiles(paths: file + paths).read()
        } catch {
            Terminal.err("\(error)")
            throw Terminal.wrongConfiguration
        }
        let (resources, problems) = ResourceSet.parse(sources)
        let compilation = EvidenceReader.compile(
            resources, resolved: ResolvedNames(), version: 1)
        let all = Controller.sorted(problems, compilation.diagnostics)
        let errors = all.count { $0.severity == .error }
        switch output {
        case .text:
            for diagnostic in all { Terminal.out(diagnostic.description) }
            summarise(compilation.snapshot, errors: errors, warnings: all.count - errors)
        case .json, .yaml: Terminal.out(try Self.rendered(all, as: output))
        }
        if errors > 0 { throw Terminal.wrongConfiguration }
    }

    private func summarise(_ snapshot: Snapshot?, errors: Int, warnings: Int) {
        guard errors == 0, let snapshot else {
            let also = warnings > 0 ? " and " + Terminal.count(warnings, "warning") : ""
            Terminal.err("\(Terminal.count(errors, "error"))\(also)")
            return
        }
        let listeners = snapshot.ports.reduce(0) { $0 + $1.listeners.count }
        let routes = Set(snapshot.rules.map(\.route)).count
        Terminal.err(
            "ok: \(Terminal.count(listeners, "listener")), \(Terminal.count(routes, "route")), "
                + "\(Terminal.count(snapshot.models.count, "model")), "
                + "\(Terminal.count(snapshot.backends.count, "backend")), "
                + Terminal.count(warnings, "warning"))
    }

    private static func rendered(_ all: [Diagnostic], as format: OutputFormat) throws -> String {
        let rows = all.map { diagnostic in
            [
                ("severity", Cell.text(diagnostic.severity == .error ? "error" : "warning")),
                ("file", .text(diagnostic.file)), ("line", .number(diagnostic.line)),
                ("column", .number(diagnostic.column)), ("resource", .text(diagnostic.resource)),
                ("field", .text(diagnostic.field)), ("message", .text(diagnostic.message)),
                ("remedy", .text(diagnostic.remedy)),
            ]
        }
        return Table.rendered(rows, as: format)
    }
}
