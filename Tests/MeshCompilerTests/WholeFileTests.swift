// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshCompiler
import MeshModel
import MeshSnapshot
import Testing

@Suite struct WholeFileTests {
    @Test("five mistakes of one file are reported at once, each where it is") func five() {
        let text = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata:
              name: main
            spec:
              gatewayClassName: pinion
              listeners:
                - name: http
                  port: 80800
                  protocol: HTTP
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata:
              name: chat
            spec:
              parentRefs:
                - name: main
              rules:
                - backendRef:
                    - name: web
            ---
            apiVersion: pinion.dev/v1alpha1
            kind: Model
            metadata:
              name: llama
            spec:
              targets:
                - backendRef:
                    name: gpu
            ---
            apiVersion: pinion.dev/v1alpha1
            kind: Backend
            metadata:
              name: web
              name: again
            spec:
              url: web.test
            """
        let found = diagnose(text).map(\.description)
        #expect(
            found == [
                "mesh.yaml:9:13: Gateway/main: spec.listeners[0].port: 80800 is out of range; "
                    + "write a number from 1 to 65535",
                "mesh.yaml:20:7: HTTPRoute/chat: spec.rules[0].backendRef: unknown field "
                    + "`backendRef`; did you mean `backendRefs`?",
                "mesh.yaml:30:15: Model/llama: spec.targets[0].backendRef.name: there is no "
                    + "Backend `gpu` in namespace `default`; add it or correct the name",
                "mesh.yaml:36:3: Backend/web: name: `name` is written twice in one mapping, first "
                    + "on line 35; keep one of them",
                "mesh.yaml:38:8: Backend/web: spec.url: `web.test` is not a URL; write it like "
                    + "`https://api.example.com/v1`",
            ])
    }

    @Test("with an error there is no snapshot") func noSnapshot() {
        for text in [
            Piece.gateway.replacing("8080", with: "0"),
            Piece.gateway + Piece.route("r", parent: "other"),
        ] {
            let (resources, _) = parse([SourceFile(path: "a.yaml", text: text)])
            let compilation = Compiler.compile(resources, resolved: .init(), version: 1)
            #expect(compilation.snapshot == nil)
        }
    }

    @Test("nothing written is a snapshot without ports") func nothing() {
        let (resources, found) = parse([])
        let compilation = Compiler.compile(resources, resolved: .init(), version: 3)
        #expect(found.isEmpty && compilation.diagnostics.isEmpty)
        #expect(compilation.snapshot?.version == 3)
        #expect(compilation.snapshot?.ports.isEmpty == true)
    }

    /// The documents of every golden input that can stand beside the others.
    private static func documents() throws -> [String] {
        try GoldenTests.cases.flatMap { name -> [String] in
            let file = GoldenTests.folder.appending(path: "\(name).in.yaml")
            let text = try String(contentsOf: file, encoding: .utf8)
            return text.components(separatedBy: "---\n").filter {
                !$0.trimmingCharacters(in: .whitespacesAndNewlines).isEmpty
            }
        }
    }

    @Test("the order of files and documents changes neither snapshot nor diagnostics")
    func shuffled() throws {
        for name in GoldenTests.cases {
            let file = GoldenTests.folder.appending(path: "\(name).in.yaml")
            let text = try String(contentsOf: file, encoding: .utf8)
            let documents = text.components(separatedBy: "---\n")
            let numbered = documents.enumerated().map { ("\($0.offset).yaml", $0.element) }
            let expected = compiled(numbered)
            for seed in 0..<5 as Range<UInt64> {
                var random = SplitMix64(seed: seed)
                let other = compiled(numbered.shuffled(using: &random))
                #expect(other == expected, "\(name), seed \(seed)")
                let joined = documents.shuffled(using: &random).joined(separator: "\n---\n")
                #expect(
                    compiled([("all.yaml", joined)]).snapshot == expected.snapshot,
                    "\(name), seed \(seed)")
            }
        }
    }

    @Test("with mistakes the order of files changes no diagnostic") func shuffledMistakes() throws {
        var documents = try Self.documents()
        documents += (MistakesTests.names + MistakesTests.routes + MistakesTests.filters)
            .map(\.plain)
        let files = documents.enumerated().map {
            SourceFile(path: "\($0.offset).yaml", text: $0.element)
        }
        let expected = diagnose(files)
        #expect(expected.count > 100)
        for seed in 0..<3 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            #expect(diagnose(files.shuffled(using: &random)) == expected, "seed \(seed)")
        }
    }

    private struct Compiled: Equatable {
        var snapshot: String?
        var diagnostics: [Diagnostic]
    }

    private func compiled(_ files: [(String, String)]) -> Compiled {
        let (resources, found) = parse(files.map { SourceFile(path: $0.0, text: $0.1) })
        let compilation = Compiler.compile(
            resources, resolved: GoldenTests.resolved, version: 1)
        return Compiled(
            snapshot: compilation.snapshot.map(dump),
            diagnostics: (found + compilation.diagnostics).sorted())
    }

    @Test("cutting a file anywhere never fails and never loses the position of a mistake")
    func truncated() throws {
        let text = try Self.documents().joined(separator: "---\n")
        var random = SplitMix64(seed: 11)
        let bytes = Array(text.utf8)
        for _ in 0..<60 {
            let cut = String(decoding: bytes.prefix(random.below(bytes.count)), as: UTF8.self)
            let lines = cut.count { $0 == "\n" } + 2
            for diagnostic in diagnose(cut) {
                #expect((1...lines).contains(diagnostic.line), "\(diagnostic)")
            }
        }
    }
}
