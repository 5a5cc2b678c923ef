// SPDX-License-Identifier: Apache-2.0

import MeshCompiler
import MeshModel
import Testing

/// Everything that parsing and compiling `files` finds wrong, sorted.
func diagnose(_ files: [SourceFile]) -> [Diagnostic] {
    let (resources, problems) = parse(files)
    let compilation = Compiler.compile(resources, resolved: ResolvedNames(), version: 1)
    return (problems + compilation.diagnostics).sorted()
}

/// Everything that is wrong with `text`, sorted.
func diagnose(_ text: String) -> [Diagnostic] {
    diagnose([SourceFile(path: "mesh.yaml", text: text)])
}

/// A mistake, and the line that it must be reported on. The mistake is marked with `<<<` behind
/// it, which is taken out; every marked line must be reported on and no other.
struct Mistake: Sendable, CustomTestStringConvertible {
    /// What the message must contain.
    var message: String
    /// The resources, with `<<<` on each line that is wrong.
    var text: String

    init(_ message: String, _ text: String) {
        self.message = message
        self.text = text
    }

    var testDescription: String { message }

    /// The lines with a mark, from 1.
    var lines: [Int] {
        text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
            .filter { $0.element.contains("<<<") }.map { $0.offset + 1 }
    }

    /// The text without marks.
    var plain: String { text.replacing("<<<", with: "") }
}

/// Pieces that most tables need.
enum Piece {
    /// A Gateway `main` with one listener `http` on port 8080; 10 lines.
    static let gateway = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata:
          name: main
        spec:
          gatewayClassName: pinion
          listeners:
            - name: http
              port: 8080
              protocol: HTTP
        ---

        """

    /// A Backend `web`.
    static let web = """
        apiVersion: pinion.dev/v1alpha1
        kind: Backend
        metadata:
          name: web
        spec:
          endpoints:
            - address: 127.0.0.1
              port: 8000
        ---

        """

    /// A Backend `llm` that speaks the OpenAI API.
    static let llm = """
        apiVersion: pinion.dev/v1alpha1
        kind: Backend
        metadata:
          name: llm
        spec:
          dialect: OpenAI
          endpoints:
            - address: 127.0.0.1
              port: 8000
        ---

        """

    /// A route `name` on `main` with `rules` (one indented block) or, by default, to `web`.
    static func route(
        _ name: String, parent: String = "main", hostnames: String = "",
        rules: String = "    - backendRefs: [{group: pinion.dev, kind: Backend, name: web}]"
    ) -> String {
        """
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata:
          name: \(name)
        spec:
          parentRefs:
            - name: \(parent)
        \(hostnames)
          rules:
        \(rules)
        ---

        """
    }

    /// A Model `name` on `llm`.
    static func model(_ name: String, more: String = "") -> String {
        """
        apiVersion: pinion.dev/v1alpha1
        kind: Model
        metadata:
          name: \(name)
        spec:
          targets:
            - backendRef: {name: llm}
        \(more)
        ---

        """
    }

    /// A TrafficPolicy `name` for `kind` `target` with `settings`.
    static func policy(
        _ name: String, _ group: String, _ kind: String, _ target: String, _ settings: String
    ) -> String {
        """
        apiVersion: pinion.dev/v1alpha1
        kind: TrafficPolicy
        metadata:
          name: \(name)
        spec:
          targetRefs:
            - group: \(group)
              kind: \(kind)
              name: \(target)
        \(settings)
        ---

        """
    }

    /// A reference to `web`.
    static let toWeb = "      backendRefs: [{group: pinion.dev, kind: Backend, name: web}]"
}
