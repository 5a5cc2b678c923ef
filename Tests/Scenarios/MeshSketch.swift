// SPDX-License-Identifier: Apache-2.0

import MeshBasics
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
    /// Where backends are, by name: `region` of their endpoints.
    package var regions: [String: String] = [:]
    /// Data labels, and the regions that each may go to; `x-data-label` names them.
    package var confined: [(label: String, regions: [String])] = []
    /// `spec.price` of model `m`, as a flow mapping.
    package var price: String?

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
    package func snapshot(version: UInt64) throws -> Snapshot {
        let (resources, problems) = ResourceSet.parse([SourceFile(path: "mesh.yaml", text: text)])
        let made = Compiler.compile(resources, resolved: ResolvedNames(), version: version)
        guard let snapshot = made.snapshot else {
            throw SketchFault(lines: (problems + made.diagnostics).map(\.description))
        }
        return snapshot
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
              targets: [{backendRef: {name: \(backends[0].name)}}]

            """
        if let price { text += "  price: \(price)\n" }
        if !fallbacks.isEmpty {
            let list = fallbacks.map { "{backendRef: {name: \($0)}}" }.joined(separator: ", ")
            text += "  fallbacks: [\(list)]\n"
        }
        return text
    }

    private var policies: [String] { limitPolicies + residencyPolicies }

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
        for endpoint in backend.endpoints {
            text += "    - {address: 10.0.\(backend.subnet).\(endpoint), port: 8000}\n"
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
