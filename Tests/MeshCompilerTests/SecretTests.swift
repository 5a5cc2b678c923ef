// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshCompiler
import MeshModel
import MeshSnapshot
import Testing

@Suite("Secrets in the configuration")
struct SecretTests {
    private static let file = SourceFile(
        path: "mesh.yaml",
        text: """
            # hunter2 of a comment stays out of Secrets only
            apiVersion: pinion.dev/v1alpha1
            kind: Backend
            metadata: {name: web}
            spec:
              endpoints: [{address: 127.0.0.1, port: 1}]
              credential: {secretRef: {name: keys, key: token}}
            ---
            apiVersion: v1
            kind: Secret
            metadata:
              name: keys
            data:
              # hunter2
              token: aHVudGVyMg==
              other: |
                aHVudGVy
                Mg==
            stringData: {plain: "hunter2"}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: r}
            spec:
              rules:
                - backendRefs: [{group: pinion.dev, kind: Backend, name: nobody}]

            """)

    @Test("values are read and told apart, and nowhere shown")
    func values() throws {
        let (resources, problems) = ResourceSet.parse([Self.file])
        #expect(problems.isEmpty)
        let secret = try #require(resources.secrets.first)
        #expect(secret.entries.map(\.key) == ["other", "plain", "token"])
        for entry in secret.entries {
            #expect(String(decoding: entry.value.reveal(), as: UTF8.self) == "hunter2")
        }
        var shown = ""
        dump(resources, to: &shown)
        shown += "\(resources)" + String(reflecting: resources)
        #expect(!shown.contains("hunter2") && shown.contains("[redacted]"))
        // As bytes: a printer of arrays would show numbers.
        #expect(!shown.contains("104, 117, 110"))
    }

    @Test(
        "a secret that stands where none belongs is in no message",
        arguments: [
            "url: 'https://user:hunter2@host.example:99999/v1'",
            "url: 'ftp://host.example/v1?api_key=hunter2'", "credential: hunter2",
            "credential: {env: 'sk-hunter2 x'}", "credential: {env: [hunter2]}",
            "credential: {hunter: {env: x}}\n  provider: 'https://a:hunter2@b c'",
        ])
    func misplaced(_ line: String) {
        let file = SourceFile(
            path: "mesh.yaml",
            text: """
                apiVersion: pinion.dev/v1alpha1
                kind: Backend
                metadata: {name: web}
                spec:
                  \(line)

                """)
        let found = diagnose([file])
        #expect(!found.isEmpty)
        #expect(!"\(found)".contains("hunter2"), "\(found)")
    }

    @Test("a copy for recordings has no value and the same lines")
    func copies() {
        let copy = Self.file.withoutSecrets
        let lines = copy.text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.filter { $0.contains("hunter2") }.count == 1)
        #expect(!copy.text.contains("aHVudGVy"))
        #expect(
            lines.count
                == Self.file.text.split(
                    separator: "\n", omittingEmptySubsequences: false
                ).count)
        let (before, _) = ResourceSet.parse([Self.file])
        let (after, problems) = ResourceSet.parse([copy])
        #expect(problems.isEmpty)
        #expect(after.routes == before.routes && after.backends == before.backends)
        #expect(
            after.secrets.map { $0.entries.map(\.key).sorted() } == [["other", "plain", "token"]])
        #expect(copy.withoutSecrets.text == copy.text)
    }

    @Test("a document that cannot be read is left out when it may be a Secret")
    func broken() {
        let file = SourceFile(
            path: "m.yaml", text: "kind: Secret\ndata: {a: hunter2\n---\nkind: Mesh\n")
        let copy = file.withoutSecrets
        #expect(!copy.text.contains("hunter2") && copy.text.contains("kind: Mesh"))
    }

    @Test("neither a snapshot nor its dump holds a value of a credential")
    func snapshots() throws {
        let route = """
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: r}
            spec:
              parentRefs: [{name: main}]
              rules:
                - matches:
                    - headers: [{name: x-api-key, value: hunter2-of-a-match}]
                  filters:
                    - type: RequestHeaderModifier
                      requestHeaderModifier:
                        set: [{name: authorization, value: hunter2-of-a-filter}]
                        add: [{name: x-auth-token, value: hunter2-of-a-filter}]
                  backendRefs: [{group: pinion.dev, kind: Backend, name: web}]

            """
        let parts = Self.file.text.components(separatedBy: "---\napiVersion: gateway")
        let text = Piece.gateway + (try #require(parts.first)) + route
        let (resources, problems) = ResourceSet.parse([
            SourceFile(path: "m.yaml", text: text)
        ])
        #expect(problems.isEmpty, "\(problems)")
        let compiled = Compiler.compile(resources, resolved: ResolvedNames(), version: 1)
        let snapshot = try #require(compiled.snapshot, "\(compiled.diagnostics)")
        #expect(compiled.secrets.value("token", of: "default/keys") != nil)
        #expect(compiled.secrets.value("token", of: "other/keys") == nil)
        #expect(!MeshCompiler.dump(snapshot).contains("hunter2"))
        #expect(MeshCompiler.dump(snapshot).contains("default/keys token"))
        #expect(!"\(compiled.secrets)".contains("hunter2"))
        let plan = Plan(from: .empty, to: snapshot)
        #expect(!plan.changes.contains { "\($0)".contains("hunter2") })
        #expect(!compiled.diagnostics.contains { $0.description.contains("hunter2") })
    }
}
