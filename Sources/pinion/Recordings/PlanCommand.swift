// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshCompiler
import MeshControl
import MeshSnapshot

/// `pinion plan`
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what would change if a configuration took the place of the running one.",
        discussion: """
            Compares -f with what a running pinion uses: routes, policies, models, backends and
            endpoints that would be added, removed or changed, and which of the requests it has
            recorded would then be treated differently. Nothing is applied. Mistakes are reported
            as by `pinion check`, with exit code 2.
            """)

    @Option(name: .shortAndLong, help: "A YAML file or a folder of them; may be repeated.")
    var file: [String] = []

    @Option(name: .shortAndLong, help: "text, json or yaml.")
    var output = OutputFormat.text

    @Option(help: "Where the running pinion serves its admin port.")
    var admin = "127.0.0.1:15000"

    func validate() throws {
        if file.isEmpty {
            throw ValidationError("name the configuration to compare: pinion plan -f new.yaml")
        }
    }

    func run() throws {
        let running = try RecordingSource.running(admin)
        guard let present = running.configurations.last, let before = present.snapshot else {
            Terminal.err(
                "the running pinion uses a configuration that this one cannot read; "
                    + "compare `pinion version` with the version of what runs")
            throw ExitCode.failure
        }
        let next = try CompiledFiles(file, resolved: present.resolved, version: before.version + 1)
        let plan = Plan(from: before, to: next.snapshot)
        let comparison = Comparison(running, next.snapshot)
        switch output {
        case .text: show(plan, comparison)
        case .json, .yaml: Terminal.out(Table.rendered(Self.rows(plan, comparison), as: output))
        }
        for name in next.unknownNames {
            Terminal.err("note: \(name) is new and would be resolved when it is applied")
        }
    }

    private func show(_ plan: Plan, _ comparison: Comparison) {
        if plan.changes.isEmpty {
            Terminal.out("nothing would change")
            return
        }
        for change in plan.changes {
            Terminal.out(
                "\(change.kind.sign) \(change.subject) \(change.name): \(change.kind.rawValue)")
            for detail in change.details { Terminal.out("    \(detail)") }
        }
        let counts = Plan.Kind.allCases.map { kind in
            "\(plan.changes.count { $0.kind == kind }) \(kind.rawValue)"
        }
        Terminal.out("")
        Terminal.out(counts.joined(separator: ", "))
        Terminal.out(comparison.summary)
        for group in comparison.groups.prefix(10) {
            Terminal.out("    \(group.count): \(group.change), for example \(group.example)")
        }
        if comparison.groups.count > 10 {
            Terminal.out("    and \(comparison.groups.count - 10) other kinds of change")
        }
    }

    private static func rows(_ plan: Plan, _ comparison: Comparison) -> [[(String, Cell)]] {
        plan.changes.map { change in
            [
                ("change", .text(change.kind.rawValue)), ("subject", .text(change.subject)),
                ("name", .text(change.name)),
                ("details", .text(change.details.joined(separator: "; "))),
            ]
        }
            + comparison.groups.map { group in
                [
                    ("change", .text("requests")), ("subject", .text("\(group.count)")),
                    ("name", .text(group.example)), ("details", .text(group.change)),
                ]
            }
    }
}

extension Plan.Kind {
    /// The sign in front of a line.
    fileprivate var sign: String {
        switch self {
        case .added: "+"
        case .removed: "-"
        case .changed: "~"
        }
    }
}
