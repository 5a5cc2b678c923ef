// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import MeshCompiler
import MeshModel
import MeshTelemetry

/// `pinion schema`
struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of every resource.",
        discussion: """
            Editors complete and check with it. For the YAML language server, write it to a file:
              pinion schema > pinion.schema.json
            and put this line on top of a resource file:
              # yaml-language-server: $schema=./pinion.schema.json
            """)

    func run() { Terminal.out(ResourceSchema.json()) }
}

/// `pinion docs`, which writes the generated parts of `Docs/`.
struct DocsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "docs", abstract: "Print a generated document.", shouldDisplay: false)

    /// The documents that are generated.
    enum Document: String, ExpressibleByArgument, CaseIterable {
        case configuration
        case metrics
        case errors
    }

    @Argument(help: "configuration, metrics or errors.")
    var document: Document

    func run() {
        switch document {
        case .configuration: Terminal.out(ResourceReference.markdown())
        case .metrics: Terminal.out(MetricCatalogue.markdown())
        case .errors: Terminal.out(ErrorCatalogue.markdown())
        }
    }
}
