// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The one command people learn.
@main
struct Pinion: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pinion",
        abstract: "Pinion, the AI service mesh.",
        discussion: """
            First steps:
              pinion up                      a gateway on 127.0.0.1:8080 with a built-in model
              pinion up -f mesh.yaml         the same from your own resources
              pinion check -f mesh.yaml      everything that is wrong with them, before it runs
              pinion get routes              what runs now
              pinion simulate --help         what would happen on machines you do not have

            Exit codes: 0 done, 1 failed, 2 the configuration is wrong, 64 the command line is.
            """,
        version: Version.text,
        subcommands: [
            UpCommand.self, UpgradeCommand.self, CheckCommand.self, GetCommand.self,
            SchemaCommand.self, RolloutCommands.self, KeyCommand.self, ExplainCommand.self,
            ReplayCommand.self, PlanCommand.self,
            ProveCommand.self, ReportCommand.self, SimulateCommand.self, ModelServerCommand.self,
            VersionCommand.self, DocsCommand.self,
        ])
}

/// What this build calls itself.
enum Version {
    /// Semantic version of the release being built.
    static let text = "0.1.0"
}

/// `pinion version`
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version.")

    @Option(name: .shortAndLong, help: "text, json or yaml.")
    var output = OutputFormat.text

    func run() {
        switch output {
        case .text: Terminal.out("pinion \(Version.text)")
        case .json: Terminal.out(#"{"name":"pinion","version":"\#(Version.text)"}"#)
        case .yaml: Terminal.out("name: pinion\nversion: \(Version.text)")
        }
    }
}

/// How a command prints its answer.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
    case yaml
}
