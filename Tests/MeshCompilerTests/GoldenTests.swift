// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshCompiler
import MeshModel
import Testing

/// `<case>.in.yaml` compiles to `<case>.out.json`; warnings and the names to resolve, if there
/// are any, are in `<case>.out.txt`. With `GOLDEN=accept` the outputs are written
/// instead of compared; review the difference.
@Suite struct GoldenTests {
    /// The names that discovery is taken to have resolved.
    static let resolved = ResolvedNames([
        .init(hostname: "models.example.com", addresses: ["10.0.0.2", "10.0.0.1", "10.0.0.2"]),
        .init(hostname: "api.openai.com", addresses: ["203.0.113.7"]),
    ])

    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Golden")

    static let cases: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".in.yaml") }.map { String($0.dropLast(8)) }.sorted()
    }()

    @Test("there are at least fifteen golden pairs") func count() {
        #expect(Self.cases.count >= 15)
    }

    @Test("a golden input compiles to its output", arguments: cases) func compiles(
        name: String
    ) throws {
        let input = Self.folder.appending(path: "\(name).in.yaml")
        let file = SourceFile(
            path: "\(name).in.yaml", text: try String(contentsOf: input, encoding: .utf8))
        let (resources, problems) = parse([file])
        let compilation = Compiler.compile(resources, resolved: Self.resolved, version: 7)
        let diagnostics = (problems + compilation.diagnostics).sorted().map(\.description)
        let names = compilation.names.map { name in
            "resolve \(name.hostname):\(name.port ?? 0) every \(name.refresh.seconds) s"
        }
        let snapshot = try #require(compilation.snapshot, "\(diagnostics)")
        try compare(dump(snapshot), with: "\(name).out.json")
        let notes = (diagnostics + names).map { $0 + "\n" }.joined()
        if !notes.isEmpty { try compare(notes, with: "\(name).out.txt") }
    }

    private func compare(_ text: String, with name: String) throws {
        let file = Self.folder.appending(path: name)
        if ProcessInfo.processInfo.environment["GOLDEN"] == "accept" {
            try text.write(to: file, atomically: true, encoding: .utf8)
        } else {
            let expected = try String(contentsOf: file, encoding: .utf8)
            #expect(text == expected)
        }
    }
}
