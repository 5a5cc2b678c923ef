// SPDX-License-Identifier: Apache-2.0

import MeshCompiler
import MeshModel
import MeshSnapshot
import Testing

@Suite struct EngineMistakesTests {
    @Test(
        "a mistake about a policy engine is reported where it is",
        arguments: Self.shapes + Self.facts + Self.rules + Self.listeners)
    func reported(mistake: Mistake) {
        let found = diagnose(mistake.plain)
        #expect(found.map(\.line) == mistake.lines, "\(found)")
        #expect(found.contains { $0.message.contains(mistake.message) }, "\(found)")
        #expect(found.allSatisfy { !$0.remedy.isEmpty && !$0.resource.isEmpty })
    }

    /// A Gateway with a route to a Backend of plain HTTP, and a Model.
    private static let mesh =
        Piece.gateway + Piece.llm + Piece.model("m") + Piece.web + Piece.route("r")

    /// An engine `e` behind `web`.
    private static func engine(_ lines: String...) -> String {
        """
        apiVersion: pinion.dev/v1alpha1
        kind: PolicyEngine
        metadata: {name: e}
        spec:
          backendRef: {name: web}
          \(lines.joined(separator: "\n  "))
        ---

        """
    }

    /// A policy on `kind` with these rules, one on a line.
    private static func policy(
        _ rules: String..., kind: String = "Gateway", target: String = "main"
    ) -> String {
        let isOurs = kind == "Model" || kind == "Backend"
        let group = isOurs ? "pinion.dev" : "gateway.networking.k8s.io"
        return """
            apiVersion: pinion.dev/v1alpha1
            kind: AccessPolicy
            metadata: {name: p}
            spec:
              targetRefs: [{group: \(group), kind: \(kind), name: \(target)}]
              rules:
                \(rules.map { "- " + $0 }.joined(separator: "\n    "))
            ---

            """
    }

    private static let ask = policy("{name: a, action: custom, engineRef: {name: e}}")
    private static let opa = "protocol: OPA"
    private static let path = "path: /v1/data/m/allow"

    static let shapes: [Mistake] = [
        Mistake("`Rego`", mesh + engine("protocol: Rego <<<") + ask),
        Mistake(
            "which document decides",
            mesh + engine(opa).replacing("{name: e}", with: "{name: e} <<<") + ask),
        Mistake("no document of OPA's data API", mesh + engine(opa, "path: /v0/data/a <<<") + ask),
        Mistake("no document of OPA's data API", mesh + engine(opa, "path: /v1/data/ <<<") + ask),
        Mistake("has a query", mesh + engine(opa, "path: /v1/data/a?b <<<") + ask),
        Mistake(
            "means nothing for gRPC",
            mesh + engine("protocol: ExtAuthzGRPC", "path: /a <<<") + ask),
        Mistake(
            "means nothing for OPA",
            mesh + engine(opa, path, "upstreamHeaders: [a] <<<") + ask),
        Mistake("every request waits", mesh + engine(opa, path, "timeout: 31s <<<") + ask),
        Mistake("every request waits", mesh + engine(opa, path, "timeout: 0s <<<") + ask),
        Mistake("`maybe`", mesh + engine(opa, path, "failureMode: maybe <<<") + ask),
        Mistake("no header name", mesh + engine(opa, path, "headers: ['a b'] <<<") + ask),
        Mistake(
            "there is no Backend `nowhere`",
            mesh + engine(opa, path).replacing("{name: web}", with: "{name: nowhere} <<<") + ask),
    ]

    static let facts: [Mistake] = [
        Mistake(
            "there is no fact `ai.modell`", mesh + engine(opa, path, "facts: [ai.modell] <<<") + ask
        ),
        Mistake(
            "known too late", mesh + engine(opa, path, "facts: [destination] <<<") + ask),
        Mistake(
            "the same for every request",
            mesh + engine(opa, path, "cache: {ttl: 1s, key: [\"'a'\"]} <<<") + ask),
        Mistake(
            "undeclared name", mesh + engine(opa, path, "cache: {ttl: 1s, key: [nobody]} <<<") + ask
        ),
        Mistake(
            "known too late",
            mesh + engine(opa, path, "cache: {ttl: 1s, key: [destination.backend]} <<<") + ask),
        Mistake(
            "nothing can be kept for that long",
            mesh + engine(opa, path, "cache: {ttl: 25h, key: [request.path]} <<<") + ask),
        Mistake(
            "`ai.model` makes every body on Gateway `main` be read",
            mesh + engine(opa, path, "facts: [ai.model]")
                + policy("{name: a, action: custom, engineRef: {name: e}} <<<")),
        Mistake(
            "`ai.model` is not known on HTTPRoute `r`",
            mesh + engine(opa, path, "facts: [ai.model]")
                + policy(
                    "{name: a, action: custom, engineRef: {name: e}} <<<", kind: "HTTPRoute",
                    target: "r")),
    ]

    static let rules: [Mistake] = [
        Mistake(
            "nothing asks the PolicyEngine",
            mesh
                + engine(opa, path).replacing(
                    "metadata: {name: e}", with: "metadata: {name: e} <<<")),
        Mistake(
            "nothing says which engine",
            mesh + engine(opa, path) + ask
                + policy("{name: b, action: custom} <<<")
                .replacing("{name: p}", with: "{name: q}")),
        Mistake(
            "there is no PolicyEngine `f`",
            mesh + engine(opa, path)
                + policy(
                    "{name: a, action: custom, engineRef: {name: e}}",
                    "{name: b, action: custom, engineRef: {name: f}} <<<")),
        Mistake(
            "`engineRef` means nothing",
            mesh + engine(opa, path)
                + policy(
                    "{name: a, action: custom, engineRef: {name: e}}",
                    "{name: b, action: deny, engineRef: {name: e}, when: request.size == 1} <<<")),
        Mistake(
            "before a Backend is chosen, so not for Backend `web`",
            mesh + engine(opa, path)
                + policy(
                    "{name: a, action: custom, engineRef: {name: e}} <<<", kind: "Backend",
                    target: "web")),
        Mistake(
            "so `destination` is not known",
            mesh + engine(opa, path)
                + policy(
                    "{name: a, action: custom, engineRef: {name: e}, "
                        + "when: destination.backend == 'x'} <<<")),
        Mistake(
            "always true",
            mesh + engine(opa, path)
                + policy("{name: a, action: custom, engineRef: {name: e}, when: 'true'} <<<")),
        Mistake(
            "can never matter",
            mesh + engine(opa, path)
                + policy("{name: a, action: custom, engineRef: {name: e}, when: 'false'} <<<")),
    ]

    /// A Gateway `asked` with one listener for other proxies.
    private static func asked(_ speech: String, port: Int = 9191) -> String {
        """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: asked}
        spec:
          gatewayClassName: pinion
          listeners: [{name: q, port: \(port), protocol: \(speech)}]
        ---

        """
    }

    private static func rule(_ when: String) -> String {
        policy("{name: a, action: deny, when: \"\(when)\"} <<<", target: "asked")
    }

    private static let grpc = "pinion.dev/ext-authz-grpc"

    static let listeners: [Mistake] = [
        Mistake("`pinion.dev/authz`", mesh + asked("pinion.dev/authz <<<")),
        Mistake(
            "every request that is asked about may pass",
            mesh
                + asked(grpc).replacing("listeners:", with: "# <<<\n  listeners:")
                .replacing("# <<<\n  listeners: [{", with: "listeners: [{")
                .replacing("grpc}]", with: "grpc}] <<<")),
        Mistake(
            "`destination.backend` is not known on listener `q`",
            mesh + asked(grpc) + rule("destination.backend == 'x'")),
        Mistake(
            "`source.address` is not known on listener `q`",
            mesh + asked("pinion.dev/ext-authz-http") + rule("source.address == '::1'")),
        Mistake(
            "`ai.model` is not known on listener `q`",
            mesh + asked("pinion.dev/auth-request") + rule("ai.model == 'x'")),
        Mistake(
            "`request.size` is not known on listener `q`",
            mesh + asked("pinion.dev/auth-request") + rule("request.size > 5")),
        Mistake(
            "speaks `HTTP` on port 8080",
            mesh
                + asked(grpc + " <<<", port: 8080)
                .replacing(" <<<}]", with: "}] <<<")
                .replacing("{name: asked}", with: "{name: z}")),
        Mistake(
            "does not let a Model attach",
            Piece.gateway + Piece.web + Piece.route("r") + Piece.llm + asked(grpc)
                + policy("{name: a, action: deny, when: request.size == 1}", target: "asked")
                    + """
                    apiVersion: pinion.dev/v1alpha1
                    kind: Model
                    metadata: {name: m}
                    spec:
                      parentRefs: [{name: asked}] <<<
                      targets: [{backendRef: {name: llm}}]
                    """),
        Mistake(
            "nothing is counted on listener `q`",
            mesh + asked(grpc)
                + policy("{name: a, action: deny, when: request.size == 1}", target: "asked")
                    + """
                    apiVersion: pinion.dev/v1alpha1
                    kind: LimitPolicy
                    metadata: {name: l}
                    spec:
                      targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: asked}]
                      limits:
                        - {name: n, requests: 5, per: 1s} <<<
                    """),
    ]

    @Test("an engine is told what was listed, once all of it is known")
    func compiled() throws {
        let text =
            Self.mesh
            + Self.engine(
                Self.opa, Self.path, "facts: [ai.model, request]", "headers: [X-Team]",
                "timeout: 50ms", "failureMode: allow", "statusOnError: 403",
                "cache: {ttl: 5s, entries: 7, key: [\"request.headers['x-team']\"]}")
            + Self.policy(
                "{name: a, action: custom, engineRef: {name: e}}", kind: "Model", target: "m")
        let (resources, problems) = parse([SourceFile(path: "mesh.yaml", text: text)])
        let made = Compiler.compile(resources, resolved: ResolvedNames(), version: 1)
        #expect(problems.isEmpty && made.diagnostics.isEmpty, "\(made.diagnostics)")
        let access = try #require(made.snapshot?.access)
        let engine = try #require(access.engines.first)
        #expect(
            engine.name == "default/e"
                && engine.speech == .opa(path: Array("/v1/data/m/allow".utf8)))
        #expect(engine.stage == .body && engine.readsBody)
        #expect(engine.headers == .some([Array("x-team".utf8)]))
        #expect(engine.facts.map(\.fact).contains(.aiModel))
        #expect(!engine.facts.map(\.fact).contains(.requestHeaders))
        #expect(engine.allowsOnFailure && engine.statusOnFailure == 403)
        #expect(engine.cache?.entriesMax == 7)
        let rule = try #require(access.policies.first?.rules.first)
        #expect(rule.engine == 0 && rule.stage == .body && rule.readsBody)
        let snapshot = try #require(made.snapshot)
        #expect(dump(snapshot).contains("\"policyEngines\""))
    }

    @Test("where nobody wrote routes, the policies of the Gateway hold for every question")
    func asking() throws {
        let policy = Self.policy(
            "{name: a, action: deny, when: request.path == '/x'}", target: "asked")
        func snapshot(_ text: String) throws -> Snapshot {
            let (resources, _) = parse([SourceFile(path: "mesh.yaml", text: text)])
            let made = Compiler.compile(resources, resolved: ResolvedNames(), version: 1)
            return try #require(made.snapshot, "\(made.diagnostics)")
        }
        let plain = try snapshot(Self.mesh + Self.asked(Self.grpc) + policy)
        let port = try #require(plain.ports.first { $0.speech == .extAuthzGRPC })
        #expect(port.listeners[0].routes.entries.count == 1 && port.listeners[0].models.isEmpty)
        let entry = port.listeners[0].routes.entries[0]
        #expect(plain.rules[Int(entry.rule)].access == [0])
        let route = Piece.route("s").replacing("name: main", with: "name: asked")
        let routed = try snapshot(Self.mesh + Self.asked(Self.grpc) + policy + route)
        let same = try #require(routed.ports.first { $0.speech == .extAuthzGRPC })
        #expect(same.listeners[0].routes.entries.allSatisfy { !$0.order.implicit })
    }
}
