// SPDX-License-Identifier: Apache-2.0

import MeshCompiler
import MeshModel
import MeshSnapshot
import Testing

@Suite("Plans")
struct PlanTests {
    private static let gateway = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: g}
        spec:
          gatewayClassName: pinion
          listeners: [{name: http, port: 8080, protocol: HTTP}]
        ---
        """

    private static func backend(_ name: String, _ port: Int, _ more: String = "") -> String {
        """

        apiVersion: pinion.dev/v1alpha1
        kind: Backend
        metadata: {name: \(name)}
        spec:
          endpoints: [{address: 10.0.0.1, port: \(port)\(more)}]
        ---
        """
    }

    private static func route(_ name: String, _ backend: String, _ prefix: String = "/") -> String {
        """

        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: \(name)}
        spec:
          parentRefs: [{name: g}]
          rules:
            - matches: [{path: {type: PathPrefix, value: \(prefix)}}]
              backendRefs: [{group: pinion.dev, kind: Backend, name: \(backend)}]
        ---
        """
    }

    private static func snapshot(_ parts: String...) throws -> Snapshot {
        let text = ([gateway] + parts).joined()
        let (resources, problems) = ResourceSet.parse([SourceFile(path: "mesh.yaml", text: text)])
        let compilation = Compiler.compile(resources, resolved: ResolvedNames(), version: 1)
        return try #require(
            compilation.snapshot, "\(problems + compilation.diagnostics)")
    }

    private static func lines(_ plan: Plan) -> [String] {
        plan.changes.map { change in
            "\(change.kind) \(change.subject) \(change.name): "
                + change.details.joined(separator: "; ")
        }
    }

    @Test("the same in another order changes nothing")
    func order() throws {
        let one = try Self.snapshot(
            Self.backend("a", 1), Self.backend("b", 2), Self.route("r", "a", "/a"),
            Self.route("s", "b", "/b"))
        let two = try Self.snapshot(
            Self.route("s", "b", "/b"), Self.backend("b", 2), Self.route("r", "a", "/a"),
            Self.backend("a", 1))
        #expect(Plan(from: one, to: two).changes.isEmpty)
    }

    @Test("a new route and backend move nothing else")
    func added() throws {
        let before = try Self.snapshot(Self.backend("m", 1), Self.route("r", "m"))
        let after = try Self.snapshot(
            Self.backend("a", 2), Self.backend("m", 1), Self.route("r", "m"),
            Self.route("b", "a", "/new"))
        let lines = Self.lines(Plan(from: before, to: after))
        #expect(
            lines.contains { $0.hasPrefix("added route default/b: ") && $0.contains("prefix /new") }
        )
        #expect(lines.contains { $0.hasPrefix("added backend default/a") })
        #expect(lines.contains { $0.hasPrefix("added endpoint 10.0.0.1:2 of default/a") })
        #expect(lines.contains { $0.hasPrefix("changed listener default/g/http: routes: ") })
        #expect(lines.count == 4, "\(lines)")
    }

    @Test("a changed setting is shown with both values, a removed thing by its name")
    func changed() throws {
        let before = try Self.snapshot(Self.backend("m", 1), Self.route("r", "m"))
        let moved = try Self.snapshot(
            Self.backend("m", 1, ", weight: 7"), Self.route("r", "m", "/v2"))
        let lines = Self.lines(Plan(from: before, to: moved))
        #expect(
            lines.contains {
                $0.hasPrefix("changed endpoint") && $0.contains("weight: (unset) -> 7")
            })
        #expect(
            lines.contains { $0.hasPrefix("changed route default/r") && $0.contains("prefix /v2") })
        let gone = Self.lines(
            Plan(from: before, to: try Self.snapshot(Self.backend("n", 1), Self.route("r", "n"))))
        #expect(gone.contains("removed backend default/m: "))
        #expect(
            gone.contains {
                $0.hasPrefix("changed route default/r") && $0.contains("default/m -> default/n")
            })
    }
}
