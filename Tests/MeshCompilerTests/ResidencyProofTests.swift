// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshCompiler
import MeshModel
import MeshSnapshot
import Testing

@Suite("Proofs of residency")
struct ResidencyProofTests {
    private let now = WallTime(nanoseconds: 1_000_000_000)

    /// A Gateway with a Model `m` on `eu`, with what is written into its `spec`, and Backends
    /// `eu`, `us` and `nowhere`.
    private func mesh(
        _ model: String = "", policy: String = "sources: [{header: x-label}]", more: String = ""
    ) -> String {
        func backend(_ name: String, _ last: Int, _ labels: String) -> String {
            """
            apiVersion: pinion.dev/v1alpha1
            kind: Backend
            metadata: {name: \(name)}
            spec:
              dialect: OpenAI
              labels: {\(labels)}
              endpoints: [{address: 10.0.0.\(last), port: 80}, {address: 10.0.1.\(last), port: 80}]
            ---

            """
        }
        return Piece.gateway + backend("eu", 1, "region: eu-1") + backend("us", 2, "region: us-1")
            + backend("nowhere", 3, "") + """
                apiVersion: pinion.dev/v1alpha1
                kind: Model
                metadata: {name: m}
                spec:
                  targets: [{backendRef: {name: eu}}]
                  \(model)
                ---
                apiVersion: pinion.dev/v1alpha1
                kind: ResidencyPolicy
                metadata: {name: p}
                spec:
                  label: phi
                  \(policy)
                  allow: {regions: ["eu-*"]}
                ---
                \(more)
                """
    }

    private func snapshot(_ text: String) throws -> Snapshot {
        let (resources, problems) = ResourceSet.parse([SourceFile(path: "mesh.yaml", text: text)])
        let made = Compiler.compile(resources, resolved: ResolvedNames(), version: 1)
        return try #require(made.snapshot, "\(problems + made.diagnostics)")
    }

    private func proof(_ text: String, reliesOnFilter: Bool = false) throws -> ResidencyProof {
        .of(try snapshot(text), at: now, reliesOnFilter: reliesOnFilter)
    }

    private func route(_ name: String, _ rule: String, gateway: String = "main") -> String {
        """
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: \(name)}
        spec:
          parentRefs: [{name: \(gateway)}]
          rules: [{matches: [{path: {value: /\(name)}}], \(rule)}]
        ---

        """
    }

    private func to(_ kind: String, _ name: String) -> String {
        "{group: pinion.dev, kind: \(kind), name: \(name)}"
    }

    @Test("a mesh without a way out is proved")
    func proved() throws {
        let proof = try proof(mesh(more: route("r", "backendRefs: [\(to("Model", "m"))]")))
        #expect(proof.isProved && proof.counterexamples.isEmpty)
        #expect(proof.pathCount == 4 && proof.allowedCount == 4)
        #expect(proof.labels.map(\.name) == ["phi"])
        #expect(proof.labels.first?.givers == ["header x-label, which the caller sends"])
    }

    @Test("without a policy there is nothing to prove, which is no proof")
    func empty() throws {
        #expect(try !proof(Piece.gateway + Piece.llm + Piece.model("m")).isProved)
    }

    @Test("the shortest way out is named, whatever it is")
    func ways() throws {
        let us = to("Backend", "us")
        let fallback = "fallbacks: [{backendRef: {name: eu}}, {backendRef: {name: us}}]"
        let cases: [(String, [String])] = [
            (
                mesh(fallback),
                [
                    "listener default/main/http",
                    "rule 0 of route models (POST /v1/chat/completions and 8 more)",
                    "Model default/m (`m`)",
                    "fallback 1 of Model default/m: backend default/us",
                    "endpoint 10.0.0.2:80 (region us-1)",
                ]
            ),
            (
                mesh(more: route("r", "backendRefs: [\(to("Backend", "eu")), \(us)]")),
                [
                    "listener default/main/http", "rule 0 of route default/r (/r/*)",
                    "backend default/us", "endpoint 10.0.0.2:80 (region us-1)",
                ]
            ),
            (
                mesh(
                    more: route(
                        "r",
                        "backendRefs: [\(to("Backend", "eu"))], filters: [{type: RequestMirror, "
                            + "requestMirror: {backendRef: \(us)}}]")),
                [
                    "listener default/main/http", "rule 0 of route default/r (/r/*)",
                    "copy for backend default/us", "endpoint 10.0.0.2:80 (region us-1)",
                ]
            ),
            (
                mesh("mirrors: [{backendRef: {name: us}, model: next}]"),
                [
                    "listener default/main/http",
                    "rule 0 of route models (POST /v1/chat/completions and 8 more)",
                    "Model default/m (`m`)", "copy for backend default/us",
                    "endpoint 10.0.0.2:80 (region us-1)",
                ]
            ),
            (
                mesh(
                    fallback,
                    more: route("r", "backendRefs: [\(to("Backend", "nowhere"))]")),
                [
                    "listener default/main/http", "rule 0 of route default/r (/r/*)",
                    "backend default/nowhere", "endpoint 10.0.0.3:80 (nothing says where)",
                ]
            ),
        ]
        for (text, steps) in cases {
            let proof = try proof(text)
            let first = try #require(proof.counterexamples.first)
            #expect(first.steps == steps && first.verdict == .stopped && first.label == "phi")
            #expect(first.reason.contains("is not allowed by ResidencyPolicy default/p"))
            #expect(!proof.isProved && proof.stoppedCount > 0)
            // Proxies stop it, which can be declared to be good enough.
            let relying = try self.proof(text, reliesOnFilter: true)
            #expect(relying.isProved && relying.stoppedCount == proof.stoppedCount)
        }
    }

    /// An engine on the Backend `us`, and an AccessPolicy on `target` that asks it.
    private func engine(_ target: String, behind backend: String = "us") -> String {
        """
        apiVersion: pinion.dev/v1alpha1
        kind: PolicyEngine
        metadata: {name: judge}
        spec: {protocol: ExtAuthzGRPC, backendRef: {name: \(backend)}}
        ---
        apiVersion: pinion.dev/v1alpha1
        kind: AccessPolicy
        metadata: {name: ask}
        spec:
          targetRefs: [\(target)]
          rules: [{name: ask, action: custom, engineRef: {name: judge}}]
        ---

        """
    }

    @Test("a question to an engine is a way like any other")
    func engines() throws {
        let gateway = "{group: gateway.networking.k8s.io, kind: Gateway, name: main}"
        let cases: [(target: String, steps: [String])] = [
            (
                gateway,
                [
                    "listener default/main/http",
                    "rule 0 of route models (POST /v1/chat/completions "
                        + "and 8 more)", "Model default/m (`m`)",
                    "question to PolicyEngine default/judge: backend default/us",
                    "endpoint 10.0.0.2:80 (region us-1)",
                ]
            ),
            (
                to("Model", "m"),
                [
                    "listener default/main/http",
                    "rule 0 of route models (POST /v1/chat/completions "
                        + "and 8 more)", "Model default/m (`m`)",
                    "question to PolicyEngine default/judge: backend default/us",
                    "endpoint 10.0.0.2:80 (region us-1)",
                ]
            ),
        ]
        for (target, steps) in cases {
            let proof = try proof(mesh(more: engine(target)))
            #expect(proof.counterexamples.contains { $0.steps == steps })
            let first = try #require(proof.counterexamples.first)
            #expect(first.verdict == .stopped && first.steps.count <= steps.count)
            #expect(first.steps[first.steps.count - 2].hasPrefix("question to PolicyEngine"))
            #expect(try self.proof(mesh(more: engine(target)), reliesOnFilter: true).isProved)
            #expect(try self.proof(mesh(more: engine(target, behind: "eu"))).isProved)
        }
        // The list of models is asked about, too, and has the shortest way.
        let first = try #require(try proof(mesh(more: engine(gateway))).counterexamples.first)
        #expect(first.steps.count == 4 && first.steps[1].hasPrefix("rule 1 of route models"))
    }

    @Test("a gate that lets a question out by mistake is found")
    func openForEngines() throws {
        let text = mesh(more: engine(to("Model", "m")))
        let us = try #require(try snapshot(text).endpoints.firstIndex { $0.region == "us-1" })
        let open = try changed(text) { table, _, _ in table.gates[us] = ResidencyGate() }
        let leak = ResidencyProof.of(open, at: now, reliesOnFilter: true)
        #expect(leak.counterexamples.map(\.verdict) == [.escapes])
        #expect(leak.counterexamples[0].steps[3].hasPrefix("question to PolicyEngine"))
    }

    @Test("an engine that labelled requests never meet is no way")
    func otherEngines() throws {
        let policy = "targetRefs: [{group: pinion.dev, kind: Model, name: m}]"
        let open = route("r", "backendRefs: [\(to("Backend", "us"))]")
        let ofRoute = "{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}"
        #expect(try proof(mesh(policy: policy, more: open + engine(ofRoute))).isProved)
        #expect(try !proof(mesh(policy: policy, more: engine(to("Model", "m")))).isProved)
    }

    @Test("where other proxies ask, questions are the only way, and a Gateway's label is known")
    func askedFor() throws {
        let asked = Piece.gateway.replacing(
            "protocol: HTTP", with: "protocol: pinion.dev/auth-request"
        )
        .replacing("name: main", with: "name: asked").replacing("8080", with: "8082")
        let policy =
            "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: asked}]"
        let target = "{group: gateway.networking.k8s.io, kind: Gateway, name: asked}"
        let proof = try proof(mesh(policy: policy, more: asked + engine(target)))
        #expect(proof.pathCount == 2 && proof.stoppedCount == 2)
        #expect(proof.counterexamples[0].steps[0] == "listener default/asked/http")
        #expect(
            try self.proof(mesh(policy: policy, more: asked + engine(target, behind: "eu")))
                .isProved)
    }

    @Test("what takes no traffic is no way")
    func closed() throws {
        let backends =
            "backendRefs: [\(to("Backend", "eu")), "
            + "{group: pinion.dev, kind: Backend, name: us, weight: 0}]"
        #expect(try proof(mesh(more: route("r", backends))).isProved)
    }

    @Test("labels that targets give are looked for where they are given, and nowhere else")
    func targets() throws {
        let policy = "targetRefs: [{group: pinion.dev, kind: Model, name: m}]"
        let open = route("r", "backendRefs: [\(to("Backend", "us"))]")
        #expect(try proof(mesh(policy: policy, more: open)).isProved)
        #expect(try !proof(mesh("fallbacks: [{backendRef: {name: us}}]", policy: policy)).isProved)
        let ofRoute =
            "targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]"
        #expect(try !proof(mesh(policy: ofRoute, more: open)).isProved)
    }

    @Test("a label that one Gateway gives and another forgets can be escaped from")
    func escape() throws {
        let policy = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: main}]"
        let other = Piece.gateway.replacing("name: main", with: "name: other")
            .replacing("8080", with: "8081")
        let text = mesh("fallbacks: [{backendRef: {name: us}}]", policy: policy, more: other)
        let first = try #require(try proof(text, reliesOnFilter: true).counterexamples.first)
        #expect(first.verdict == .escapes && first.steps[0] == "listener default/other/http")
        #expect(first.reason.contains("this way does not give the label"))
        // Where no way leads out, it does not matter.
        #expect(try proof(mesh(policy: policy, more: other)).isProved)
    }

    @Test("an address cannot be in two places")
    func contradiction() throws {
        let twin = """
            apiVersion: pinion.dev/v1alpha1
            kind: Backend
            metadata: {name: twin}
            spec:
              labels: {region: us-1}
              endpoints: [{address: 10.0.0.1, port: 80}]
            ---

            """
        let proof = try proof(mesh(more: twin), reliesOnFilter: true)
        let first = try #require(proof.counterexamples.first)
        #expect(first.verdict == .escapes && first.reason.contains("one of the two is not true"))
    }

    @Test("a gate that is open by mistake is found, and one that is shut by mistake")
    func gates() throws {
        let text = mesh("fallbacks: [{backendRef: {name: us}}]")
        let us = try #require(try snapshot(text).endpoints.firstIndex { $0.region == "us-1" })
        let eu = try #require(try snapshot(text).endpoints.firstIndex { $0.region == "eu-1" })
        let open = try changed(text) { table, _, _ in table.gates[us] = ResidencyGate() }
        let leak = ResidencyProof.of(open, at: now, reliesOnFilter: true)
        #expect(leak.counterexamples.map(\.verdict) == [.escapes])
        #expect(leak.counterexamples.first?.reason.contains("proxies would let it pass") == true)
        let shut = try changed(text) { table, _, _ in
            table.gates[eu].barred = DataLabels(number: 0)
        }
        #expect(
            ResidencyProof.of(shut, at: now, reliesOnFilter: true).counterexamples.map(\.verdict)
                == [.mistake])
    }

    @Test("a label that the compiler forgets is found")
    func forgotten() throws {
        let policy = "targetRefs: [{group: pinion.dev, kind: Model, name: m}]"
        let text = mesh("fallbacks: [{backendRef: {name: us}}]", policy: policy)
        let forgetful = try changed(text) { _, _, models in models[0].labels = [] }
        let proof = ResidencyProof.of(forgetful, at: now, reliesOnFilter: true)
        #expect(proof.counterexamples.first?.verdict == .escapes)
        #expect(proof.counterexamples.contains { $0.verdict == .mistake })
        #expect(proof.counterexamples[0].reason.contains("do not know that it carries the label"))
    }

    @Test("evidence bounds a proof in time")
    func evidence() throws {
        let text = mesh()
        let end = WallTime(nanoseconds: 5_000_000_000)
        let attested = try changed(text) { table, endpoints, _ in
            for number in endpoints.indices {
                endpoints[number].attestation = Attestation(
                    id: "e", verifier: "default/v", measurements: ["m"],
                    opens: WallTime(nanoseconds: 0), closes: end)
            }
            let policy = ResidencyPolicy(
                name: "default/p", label: 0,
                attestation: AttestationDemand(verifiers: ["default/v"], measurements: ["m"]),
                version: "1")
            table = ResidencyTable(
                labels: ["phi"], policies: [policy], headers: table.headers,
                backends: try snapshot(text).backends, endpoints: endpoints)
        }
        let proof = ResidencyProof.of(attested, at: now)
        #expect(proof.isProved && proof.holdsUntil == end)
        let later = ResidencyProof.of(attested, at: end)
        #expect(later.counterexamples.first?.verdict == .stopped)
        #expect(later.counterexamples.first?.reason.contains("does not hold now") == true)
    }

    /// The snapshot of `text` with a mistake in it.
    private func changed(
        _ text: String,
        _ change: (inout ResidencyTable, inout [Endpoint], inout [Model]) throws -> Void
    ) throws -> Snapshot {
        let sound = try snapshot(text)
        var (table, endpoints, models) = (sound.residency, sound.endpoints, sound.models)
        try change(&table, &endpoints, &models)
        return Snapshot(
            version: 1, ports: sound.ports, rules: sound.rules, backends: sound.backends,
            endpoints: endpoints, models: models, access: sound.access, residency: table,
            limits: sound.limits, telemetry: sound.telemetry, drainTimeout: sound.drainTimeout)
    }
}
