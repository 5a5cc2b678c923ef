// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshCompiler
import MeshModel
package import MeshSnapshot

/// A configuration in a few lines, written out as an operator would write it and compiled.
package struct MeshSketch: Sendable {
    /// A backend with endpoints `10.0.<number>.1:8000` and so on.
    package struct Backend: Sendable {
        /// Its name.
        package var name: String
        /// The third byte of its endpoints' addresses.
        package var subnet: Int
        /// The last bytes of its endpoints' addresses.
        package var endpoints: [Int]

        /// A backend of the given parts.
        package init(_ name: String, subnet: Int, endpoints: [Int]) {
            self.name = name
            self.subnet = subnet
            self.endpoints = endpoints
        }
    }

    /// The backends; the first serves model `m`, unless `isPlain`.
    package var backends: [Backend]
    /// The names of backends that stand in for the first one.
    package var fallbacks: [String] = []
    /// A backend that gets copies; only when `isPlain`.
    package var mirror: String?
    /// Whether requests go to the first backend by path, without being read.
    package var isPlain = false
    /// `Mesh.spec.defaults`, one line of YAML each.
    package var defaults: [String] = []
    /// `Mesh.spec.limits`, one line of YAML each.
    package var limits: [String] = []

    /// `LimitPolicy.spec.limits` of model `m`, one line of YAML each.
    package var usageLimits: [String] = []
    /// `OverloadPolicy.spec` of the first backend without its target, one line of YAML each.
    package var overload: [String] = []
    /// Where backends are, by name: `region` of their endpoints.
    package var regions: [String: String] = [:]
    /// Where endpoints are, by the name of their backend: `zone` of each, in order.
    package var zones: [String: [String]] = [:]
    /// Data labels, and the regions that each may go to; `x-data-label` names them.
    package var confined: [(label: String, regions: [String])] = []
    /// When the evidence about the endpoints of backends ends, by name; data labels of `confined`
    /// then ask for evidence.
    package var attested: [String: Instant] = [:]
    /// `spec.price` of model `m`, as a flow mapping.
    package var price: String?

    /// `PolicyEngine.spec` without its Backend, one line of YAML each; every request is asked
    /// about when there are any.
    package var policyEngine: [String] = []
    /// How the model is told what was said already; nil for nothing written.
    package var prefill: String?
    /// `Rollout.spec` of model `m` from the first backend to `canary`, one line of YAML each.
    package var rollout: [String] = []
    /// The backend that `rollout` is about, a target of model `m` then.
    package var canary = "spare"

    /// One backend of so many endpoints.
    package init(endpoints: Int) {
        backends = [Backend("b", subnet: 0, endpoints: Array(1...endpoints))]
    }

    /// The same with so many more in a backend that stands in for it.
    package init(endpoints: Int, fallback: Int) {
        self.init(endpoints: endpoints)
        backends.append(Backend("spare", subnet: 1, endpoints: Array(1...fallback)))
        fallbacks = ["spare"]
    }

    /// Where its endpoints are, in order.
    package var authorities: [String] {
        backends.flatMap { backend in
            backend.endpoints.map { "10.0.\(backend.subnet).\($0):8000" }
        }
    }

    /// What proxies need of it.
    package func snapshot(
        version: UInt64, shares: [RolloutShare] = []
    ) throws -> Snapshot {
        let (resources, problems) = ResourceSet.parse([SourceFile(path: "mesh.yaml", text: text)])
        let made = Compiler.compile(
            resources, resolved: ResolvedNames(), shares: shares, version: version)
        guard let snapshot = made.snapshot else {
            throw SketchFault(lines: (problems + made.diagnostics).map(\.description))
        }
        return attested.isEmpty ? snapshot : attesting(snapshot)
    }

    /// `snapshot` with evidence that a verifier would have signed.
    private func attesting(_ plain: Snapshot) -> Snapshot {
        let epoch: Int64 = 1_700_000_000_000_000_000
        let endpoints = plain.endpoints.map { endpoint in
            var endpoint = endpoint
            let name = plain.backends[Int(endpoint.backend)].name.split(separator: "/").last
            guard let end = name.flatMap({ attested[String($0)] }) else { return endpoint }
            endpoint.attestation = Attestation(
                id: "evidence", verifier: "v", measurements: [],
                opens: WallTime(nanoseconds: epoch),
                closes: WallTime(nanoseconds: epoch + Int64(end.nanoseconds)))
            return endpoint
        }
        let table = plain.residency
        let policies = table.policies.map { policy in
            ResidencyPolicy(
                name: policy.name, label: policy.label, regions: policy.regions,
                attestation: AttestationDemand(verifiers: ["v"]), version: policy.version)
        }
        return Snapshot(
            version: plain.version, ports: plain.ports, rules: plain.rules,
            backends: plain.backends, endpoints: endpoints, models: plain.models,
            usageLimits: plain.usageLimits, overload: plain.overload, access: plain.access,
            residency: ResidencyTable(
                labels: table.labels, policies: policies, headers: table.headers,
                sources: table.sources, backends: plain.backends, endpoints: endpoints),
            identity: plain.identity, stickyKeys: plain.stickyKeys, rollouts: plain.rollouts,
            embedders: plain.embedders,
            limits: plain.limits, telemetry: plain.telemetry,
            drainTimeout: plain.drainTimeout)
    }

    /// The configuration as an operator writes it.
    package var text: String {
        ([gateway, settings] + backends.map(text(of:)) + [isPlain ? route : model] + policies)
            .joined(separator: "---\n")
    }

    private var gateway: String {
        """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: mesh}
        spec:
          gatewayClassName: pinion
          listeners: [{name: http, port: 8080, protocol: HTTP}]

        """
    }

    private var settings: String {
        var text = """
            apiVersion: pinion.dev/v1alpha1
            kind: Mesh
            metadata: {name: mesh}
            spec:
              accessLog: {output: off}
              recording: {perSecond: 20, keep: 1000}

            """
        for (name, lines) in [("limits", limits), ("defaults", defaults)] where !lines.isEmpty {
            text += "  \(name):\n"
            for line in lines { text += "    \(line)\n" }
        }
        return text
    }

    private var model: String {
        var text = """
            apiVersion: pinion.dev/v1alpha1
            kind: Model
            metadata: {name: m}
            spec:
              targets: [\(targets)]

            """
        if let price { text += "  price: \(price)\n" }
        if !fallbacks.isEmpty {
            let list = fallbacks.map(target).joined(separator: ", ")
            text += "  fallbacks: [\(list)]\n"
        }
        return text
    }

    private var policies: [String] {
        limitPolicies + overloadPolicies + residencyPolicies + engines + rollouts
    }

    private var targets: String {
        let first = target(backends[0].name)
        return rollout.isEmpty ? first : "\(first), \(target(canary))"
    }

    private var rollouts: [String] {
        if rollout.isEmpty { return [] }
        var text = """
            apiVersion: pinion.dev/v1alpha1
            kind: Rollout
            metadata: {name: m}
            spec:
              targetRef: {group: pinion.dev, kind: Model, name: m}
              stable: \(backends[0].name)
              canary: \(canary)

            """
        for line in rollout { text += "  \(line)\n" }
        return [text]
    }

    private var overloadPolicies: [String] {
        guard !overload.isEmpty else { return [] }
        var text = """
            apiVersion: pinion.dev/v1alpha1
            kind: OverloadPolicy
            metadata: {name: overload}
            spec:
              targetRefs: [{group: pinion.dev, kind: Backend, name: \(backends[0].name)}]

            """
        for line in overload { text += "  \(line)\n" }
        return [text]
    }

    private var engines: [String] {
        guard !policyEngine.isEmpty else { return [] }
        var text = """
            apiVersion: pinion.dev/v1alpha1
            kind: Backend
            metadata: {name: engine}
            spec: {endpoints: [{address: 10.0.9.1, port: 9000}, {address: 10.0.9.2, port: 9000}]}
            ---
            apiVersion: pinion.dev/v1alpha1
            kind: AccessPolicy
            metadata: {name: asked}
            spec:
              targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: mesh}]
              rules: [{name: engine, action: custom, engineRef: {name: engine}}]
            ---
            apiVersion: pinion.dev/v1alpha1
            kind: PolicyEngine
            metadata: {name: engine}
            spec:
              backendRef: {name: engine}

            """
        for line in policyEngine { text += "  \(line)\n" }
        return [text]
    }

    private func target(_ name: String) -> String {
        let able = prefill.map { ", capabilities: {prefill: \($0)}" } ?? ""
        return "{backendRef: {name: \(name)}\(able)}"
    }

    private var residencyPolicies: [String] {
        confined.map { label, regions in
            """
            apiVersion: pinion.dev/v1alpha1
            kind: ResidencyPolicy
            metadata: {name: \(label)}
            spec:
              label: \(label)
              sources: [{header: x-data-label}]
              allow: {regions: [\(regions.joined(separator: ", "))]}

            """
        }
    }

    private var limitPolicies: [String] {
        guard !usageLimits.isEmpty, !isPlain else { return [] }
        var text = """
            apiVersion: pinion.dev/v1alpha1
            kind: LimitPolicy
            metadata: {name: limits}
            spec:
              targetRefs: [{group: pinion.dev, kind: Model, name: m}]
              limits:

            """
        for line in usageLimits { text += "    - \(line)\n" }
        return [text]
    }

    private var route: String {
        var text = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: plain}
            spec:
              parentRefs: [{name: mesh}]
              rules:
                - backendRefs: [\(reference(backends[0].name))]

            """
        if let mirror {
            text += "      filters:\n        - type: RequestMirror\n"
            text += "          requestMirror: {backendRef: \(reference(mirror))}\n"
        }
        return text
    }

    private func reference(_ name: String) -> String {
        "{group: pinion.dev, kind: Backend, name: \(name)}"
    }

    private func text(of backend: Backend) -> String {
        var text = """
            apiVersion: pinion.dev/v1alpha1
            kind: Backend
            metadata: {name: \(backend.name)}
            spec:
              dialect: OpenAI

            """
        if let region = regions[backend.name] { text += "  labels: {region: \(region)}\n" }
        text += "  endpoints:\n"
        for (number, endpoint) in backend.endpoints.enumerated() {
            let zone = zones[backend.name].map { ", labels: {zone: \($0[number])}" } ?? ""
            text += "    - {address: 10.0.\(backend.subnet).\(endpoint), port: 8000\(zone)}\n"
        }
        return text
    }
}

/// A sketch that does not compile.
package struct SketchFault: Error, CustomStringConvertible {
    /// What is wrong with it.
    package var lines: [String]

    package var description: String { lines.joined(separator: "\n") }
}
