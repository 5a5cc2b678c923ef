// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshPolicy
import MeshRouting
import MeshSnapshot

/// A snapshot as a test writes it: one port with one listener for every host.
struct SnapshotSample {
    var version: UInt64 = 1
    var rules: [Rule] = [.forward(to: 0)]
    /// The path prefix that leads to each rule; `/` where there is none.
    var prefixes: [String] = []
    /// How many endpoints each backend has, and how the backend differs from the plain one.
    var backends: [BackendSample] = [BackendSample()]
    var models: [Model] = []
    /// Names under which models are offered, with the model.
    var names: [(String, ModelID)] = []
    var usageLimits: [Limit] = []
    var overload: [OverloadPolicy] = []
    var access = AccessTable()
    var residency = ResidencySample()
    var identity: [IdentityProvider] = []
    var stickyKeys: [StickyKey] = []
    var embedders: [Embedder] = []
    var limits = ConnectionLimits()
    var portNumber: UInt16 = 8080
    var recording = RecordingSettings(perSecondMax: 0)
    /// A listener for each of these hosts, with whether it is for all within; one for every host
    /// when empty.
    var hostnames: [(String, Bool)] = []
    /// TLS of all listeners.
    var tls: ListenerTLS?

    /// The snapshot itself.
    var snapshot: Snapshot {
        var known: [Backend] = []
        var endpoints: [Endpoint] = []
        for (number, sample) in backends.enumerated() {
            let first = EndpointID(endpoints.count)
            for address in sample.addresses {
                endpoints.append(
                    Endpoint(
                        backend: BackendID(number), address: address, port: 8000,
                        labels: sample.labels.sorted { $0.key < $1.key }
                            .map { Endpoint.Label(key: $0.key, value: $0.value) },
                        attestation: sample.attestation))
            }
            var backend = Backend(
                name: sample.name, provider: "vllm", dialect: .openAI,
                endpoints: first..<EndpointID(endpoints.count), outlier: nil)
            sample.change(&backend)
            known.append(backend)
        }
        let entries = rules.indices.map { i in
            RouteEntry(
                path: .prefix(Array((i < prefixes.count ? prefixes[i] : "/").utf8)),
                rule: RuleID(i), order: RouteOrder(route: "default/r", rule: i))
        }
        let offered = names.map { NamedModel(name: Array($0.0.utf8), model: $0.1) }
        let hosts: [Hostname?] =
            hostnames.isEmpty
            ? [nil] : hostnames.map { Hostname(labels: Array($0.0.utf8), isWildcard: $0.1) }
        let listeners = hosts.map { host in
            Listener(
                name: "default/g/http", hostname: host, tls: tls,
                routes: RouteTable(entries: entries),
                models: offered.sorted { $0.name.lexicographicallyPrecedes($1.name) })
        }
        return Snapshot(
            version: version,
            ports: [
                Port(
                    address: "127.0.0.1", number: portNumber, speech: tls == nil ? .http : .https,
                    listeners: listeners)
            ],
            rules: rules, backends: known, endpoints: endpoints, models: models,
            usageLimits: usageLimits, overload: overload, access: access,
            residency: residency.table(known, endpoints), identity: identity,
            stickyKeys: stickyKeys, embedders: embedders, limits: limits,
            telemetry: TelemetrySettings(recording: recording),
            drainTimeout: .seconds(30))
    }

    /// What shares out the `targets` of `owner` among callers who are told apart by `expression`.
    mutating func sticky(
        by expression: String, of owner: String, targets: [String]
    ) throws -> Sticky {
        var layout = access.layout
        let program = try Program.compile(
            expression, in: Fact.environment, expecting: .dyn, layout: &layout)
        access = AccessTable(
            policies: access.policies, engines: access.engines, layout: layout)
        stickyKeys.append(StickyKey(program, layout: layout))
        return Sticky(
            key: StickyKeyID(stickyKeys.count - 1), by: expression, owner: owner,
            targets: targets)
    }

    /// A mesh that offers one model with one target on backend 0 and fallbacks on the next ones.
    static func model(
        fallbacks: Int = 0, endpoints: Int = 1, retry: RetryPolicy = RetryPolicy(attempts: 1),
        timeouts: Timeouts = Timeouts(), upstream: String = "real-model",
        continuation: ContinuationPolicy? = nil, capabilities: [Capabilities] = []
    ) -> SnapshotSample {
        var sample = SnapshotSample()
        sample.rules = [
            Rule(route: "models", index: 0, action: .modelByBody, needsFacts: true),
            Rule(route: "models", index: 1, action: .listModels),
        ]
        sample.prefixes = ["/v1", "/v1/models"]
        sample.backends = (0...fallbacks).map {
            BackendSample(name: "default/b\($0)", endpoints: endpoints, subnet: $0)
        }
        let targets = (0...fallbacks).map {
            ModelTarget(
                weight: 1, backend: BackendID($0),
                upstreamModel: Array(($0 == 0 ? upstream : "fallback-\($0)").utf8),
                capabilities: $0 < capabilities.count ? capabilities[$0] : Capabilities())
        }
        sample.models = [
            Model(
                name: Array("small".utf8), resource: "default/small", targets: [targets[0]],
                fallbacks: Array(targets[1...]), timeouts: timeouts, retry: retry,
                continuation: continuation)
        ]
        sample.names = [("small", 0)]
        return sample
    }
}

/// A backend as a test writes it.
struct BackendSample {
    var name: String
    var addresses: [String]
    /// Labels of every endpoint.
    var labels: [String: String] = [:]
    /// Evidence of every endpoint.
    var attestation: Attestation?
    var change: (inout Backend) -> Void

    init(
        name: String = "default/b0", endpoints: Int = 1, subnet: Int = 0,
        change: @escaping (inout Backend) -> Void = { _ in }
    ) {
        self.name = name
        addresses = (0..<endpoints).map { "10.0.\(subnet).\($0 + 1)" }
        self.change = change
    }
}

extension Rule {
    /// A rule that forwards everything to `backend`.
    static func forward(
        to backend: BackendID, retry: RetryPolicy = RetryPolicy(attempts: 1),
        timeouts: Timeouts = Timeouts()
    ) -> Rule {
        Rule(
            route: "default/r", index: 0,
            action: .forward([WeightedTarget(weight: 1, destination: .backend(backend))]),
            timeouts: timeouts, retry: retry)
    }

    /// The same rule with a change.
    func with(_ change: (inout Rule) -> Void) -> Rule {
        var rule = self
        change(&rule)
        return rule
    }
}

/// The bytes of `text`.
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
