// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshCompiler
import MeshEngines
import MeshExchange
import MeshModel
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire
import Testing

/// The proof walks the paths that it knows of. Here an exchange goes wherever it can, with every
/// attempt failing, and each hop must be one of them: a feature that sends requests somewhere new
/// and is not known to the proof fails this.
@Suite("Paths of labelled requests")
struct ResidencyPathsTests {
    @Test("no exchange takes a hop that the proof does not know", arguments: UInt64(1)...60)
    func known(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let text = Self.mesh(using: &random)
        let (resources, problems) = ResourceSet.parse([SourceFile(path: "mesh.yaml", text: text)])
        let made = Compiler.compile(resources, resolved: ResolvedNames(), version: 1)
        let snapshot = try #require(made.snapshot, "\(problems + made.diagnostics)\n\(text)")
        let now = Instant(nanoseconds: 3_600_000_000_000)
        let proof = ResidencyProof.of(
            snapshot, at: WallTime(nanoseconds: 3_600_000_000_000), reliesOnFilter: true)
        #expect(proof.isProved, "\(proof.counterexamples.first.map { "\($0)" } ?? "")\n\(text)")
        var known: Set<Ends> = []
        for path in proof.paths where path.verdict == .allowed {
            let hop = path.steps[path.steps.count - 2]
            let end = path.steps[path.steps.count - 1].split(separator: " ")
            known.insert(
                Ends(
                    label: path.label, rule: path.steps[1].prefix { $0 != "(" }.description,
                    kind: hop.hasPrefix("copy")
                        ? "copy"
                        : hop.hasPrefix("question")
                            ? "question" : hop.hasPrefix("text") ? "text" : "attempt",
                    backend: String(hop.split(separator: " ").last ?? ""),
                    endpoint: String(end[1])))
        }
        var hops = 0
        for turn in 0..<40 {
            var walk = Walk(snapshot, seed: seed &* 100 &+ UInt64(turn), at: now)
            for end in try walk.run(using: &random) {
                #expect(known.contains(end), "\(end)\n\(text)")
                hops += 1
            }
        }
        // An engine that is no place for anything lets nothing out.
        #expect(
            hops > 0 || known.isEmpty || text.contains("PolicyEngine")
                || text.contains("classifier"))
    }

    /// The rule, the hop and the endpoint of a path.
    struct Ends: Hashable {
        var label: String
        var rule: String
        var kind: String
        var backend: String
        var endpoint: String
    }

    /// A mesh in which anything may lead anywhere.
    private static func mesh(using random: inout SplitMix64) -> String {
        let regions = ["eu-1", "eu-2", "us-1", ""]
        var text = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: g}
            spec:
              gatewayClassName: pinion
              listeners: [{name: http, port: 8080, protocol: HTTP}]

            """
        for number in 0..<5 {
            text += """
                ---
                apiVersion: pinion.dev/v1alpha1
                kind: Backend
                metadata: {name: b\(number)}
                spec:
                  dialect: OpenAI
                  endpoints:

                """
            for last in 1...(1 + random.below(3)) {
                let region = regions[random.below(regions.count)]
                let labels = region.isEmpty ? "" : ", labels: {region: \(region)}"
                text += "    - {address: 10.0.\(number).\(last), port: 80\(labels)}\n"
            }
        }
        func backend(_ random: inout SplitMix64) -> String {
            "{backendRef: {name: b\(random.below(5))}}"
        }
        for model in ["m", "n"] {
            let targets = (0...random.below(2)).map { _ in backend(&random) }
            let fallbacks = (0...random.below(3)).map { _ in backend(&random) }
            text += """
                ---
                apiVersion: pinion.dev/v1alpha1
                kind: Model
                metadata: {name: \(model)}
                spec:
                  targets: [\(targets.joined(separator: ", "))]
                  fallbacks: [\(fallbacks.joined(separator: ", "))]

                """
        }
        return text + others(using: &random) + asking(using: &random)
    }

    /// Engines that are asked for the Gateway, the route or a Model.
    private static func asking(using random: inout SplitMix64) -> String {
        let targets = [
            "{group: gateway.networking.k8s.io, kind: Gateway, name: g}",
            "{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}",
            "{group: pinion.dev, kind: Model, name: m}",
        ]
        var text = ""
        for name in ["eu", "one"] where random.below(3) == 0 {
            text += """
                ---
                apiVersion: pinion.dev/v1alpha1
                kind: ResidencyPolicy
                metadata: {name: shown-\(name)}
                spec:
                  label: \(name)
                  sources: [{classifier: {backendRef: {name: b\(random.below(5))}}}]
                  allow: {anywhere: true}

                """
        }
        for number in 0..<random.below(3) {
            let mode = random.below(2) == 0 ? "deny" : "allow"
            let facts = random.below(2) == 0 ? "" : "\n  facts: [ai.model]"
            text += """
                ---
                apiVersion: pinion.dev/v1alpha1
                kind: PolicyEngine
                metadata: {name: e\(number)}
                spec:
                  protocol: ExtAuthzHTTP
                  backendRef: {name: b\(random.below(5))}
                  failureMode: \(mode)\(facts)
                ---
                apiVersion: pinion.dev/v1alpha1
                kind: AccessPolicy
                metadata: {name: a\(number)}
                spec:
                  targetRefs: [\(targets[random.below(3)])]
                  rules: [{name: ask, action: custom, engineRef: {name: e\(number)}}]

                """
        }
        return text
    }

    /// A route with a copy, and two policies.
    private static func others(using random: inout SplitMix64) -> String {
        // A label that only the body gives.
        let late = ", {expression: ai.max_tokens == 1}"
        return """
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: r}
            spec:
              parentRefs: [{name: g}]
              rules:
                - matches: [{path: {value: /r}}]
                  filters:
                    - type: RequestMirror
                      requestMirror:
                        backendRef: {group: pinion.dev, kind: Backend, name: b\(random.below(5))}
                  backendRefs:
                    - {group: pinion.dev, kind: Backend, name: b\(random.below(5))}
                    - {group: pinion.dev, kind: Model, name: m}
            ---
            apiVersion: pinion.dev/v1alpha1
            kind: ResidencyPolicy
            metadata: {name: eu}
            spec:
              label: eu
              sources: [{header: x-label}\(random.below(2) == 0 ? "" : late)]
              allow: {regions: ["eu-*"]}
            ---
            apiVersion: pinion.dev/v1alpha1
            kind: ResidencyPolicy
            metadata: {name: one}
            spec:
              label: one
              targetRefs: [{group: pinion.dev, kind: Model, name: n}]
              allow: {regions: [eu-1, us-1]}

            """
    }
}

/// One request that fails wherever it goes.
private struct Walk: ~Copyable {
    private let snapshot: Snapshot
    private var shard: Shard
    private var exchange = Exchange()
    private var now: Instant

    init(_ snapshot: Snapshot, seed: UInt64, at now: Instant) {
        self.snapshot = snapshot
        self.now = now
        shard = Shard(seed: seed, wallOffset: 0)
        shard.adopt(
            snapshot, credentials: Array(repeating: nil, count: snapshot.backends.count), at: now)
    }

    private static func kind(of kind: ResidencyReceipt.Hop.Kind) -> String {
        switch kind {
        case .mirror: "copy"
        case .engine: "question"
        case .classifier: "text"
        case .first, .retry, .fallback, .resume: "attempt"
        }
    }

    /// Where it was about to go, once for each label that its receipt names.
    mutating func run(
        using random: inout SplitMix64
    ) throws -> [ResidencyPathsTests.Ends] {
        let label = ["", "x-label: eu\r\n", "x-label: one, eu\r\n"][random.below(3)]
        let path = random.below(2) == 0 ? "/v1/chat/completions" : "/r"
        let model = random.below(2) == 0 ? "m" : "n"
        let body = Array(#"{"model":"\#(model)","max_tokens":\#(random.below(3))}"#.utf8)
        let text =
            "POST \(path) HTTP/1.1\r\nhost: h\r\n\(label)content-length: \(body.count)\r\n\r\n"
        let bytes = Array(text.utf8)
        var head = RequestHead()
        guard try head.parse(bytes.span.bytes, limits: HeadLimits()) else { return [] }
        var step = exchange.begin(head, bytes.span.bytes, port: 0, shard: &shard, at: now)
        if step.collectsBody {
            step = exchange.bodyCollected(
                body.span.bytes, head, bytes.span.bytes, shard: &shard, at: now)
        }
        while step.asks != nil, !step.isDone {
            let outcome: EngineOutcome =
                random.below(3) == 0
                ? .failed(.timeout)
                : .answered(
                    EngineAnswer(
                        allows: random.below(4) > 0,
                        labels: [[], ["eu"], ["one"], ["one", "eu"]][random.below(4)]))
            let isRead = exchange.isRequestComplete
            step = exchange.engineAnswered(
                outcome, head, bytes.span.bytes, body: isRead ? body.span.bytes : nil,
                shard: &shard, at: now)
            if step.collectsBody {
                step = exchange.bodyCollected(
                    body.span.bytes, head, bytes.span.bytes, shard: &shard, at: now)
            }
        }
        while step.dispatch != nil, !step.isDone {
            exchange.requestSent(at: now)
            now = now + .seconds(1)
            step = exchange.attemptFailed(.connect, shard: &shard, at: now)
        }
        guard let receipt = exchange.record.residency else { return [] }
        let rule = path == "/r" ? "rule 0 of route default/r " : "rule 0 of route models "
        return receipt.hops.flatMap { hop in
            receipt.labels.map { label in
                ResidencyPathsTests.Ends(
                    label: label, rule: rule, kind: Self.kind(of: hop.kind), backend: hop.backend,
                    endpoint: hop.endpoint)
            }
        }
    }
}
