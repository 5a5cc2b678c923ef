// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What a proxy needs to know, ready to use: the one contract between what operators write and
/// what proxies do.
///
/// A snapshot is immutable and versioned. The compiler makes it from resources and from what
/// discovery resolved; a proxy swaps the whole value between two requests, and a request that
/// has begun keeps the snapshot it began with. Everything is an array addressed by a small
/// integer, so that the request path hashes and compares nothing that it need not.
///
/// Invariant: this room never parses what an operator wrote and never touches a socket. Two
/// snapshots made from the same input are equal in every field but `version`.
///
/// ```
///  ports ──> listeners ──> RouteTable ──> rules[i] ──> targets ──> backends[b] ──> endpoints
///                                     └─> models (by name, per listener)  ──┘
/// ```
package final class Snapshot: Sendable {
    /// Rises by at least one with every snapshot that a control loop publishes.
    package let version: UInt64
    /// One entry for each address and port to listen on, in order of address and port.
    package let ports: [Port]
    /// Whether other proxies ask on any of them.
    package let hasAskedPorts: Bool
    /// Every rule of every route; a `RouteTable` answers with an index into this.
    package let rules: [Rule]
    /// Every backend; `BackendID` is an index into this.
    package let backends: [Backend]
    /// Every endpoint of every backend; a backend owns the contiguous run `Backend.endpoints`.
    package let endpoints: [Endpoint]
    /// Every logical model; `ModelID` is an index into this.
    package let models: [Model]
    /// Every limit of every LimitPolicy; `LimitID` is an index into this.
    package let usageLimits: [Limit]
    /// Every OverloadPolicy; `OverloadID` is an index into this.
    package let overload: [OverloadPolicy]
    /// Every AccessPolicy; `AccessID` is an index into its policies.
    package let access: AccessTable
    /// Every ResidencyPolicy, and the gate of each endpoint.
    package let residency: ResidencyTable
    /// Every IdentityProvider; `IdentityID` is an index into this.
    package let identity: [IdentityProvider]
    /// What callers are told apart by where each keeps its target; `StickyKeyID` is an index into
    /// this.
    package let stickyKeys: [StickyKey]
    /// Every Rollout.
    package let rollouts: RolloutTable
    /// Whether there is any.
    package let hasRollouts: Bool
    /// Every Model that comparisons ask how much two texts mean the same.
    package let embedders: [Embedder]
    /// Whether any rule of `access` is asked only when a backend was chosen.
    package let asksDestinations: Bool
    /// Whether a request may come by labels that its head alone does not give: no engine is asked
    /// about it before they are known.
    package let labelsComeLate: Bool
    /// Bounds that hold for every connection.
    package let limits: ConnectionLimits
    /// What is written about every exchange.
    package let telemetry: TelemetrySettings
    /// What retries all backends together may receive, or nil for what each of them may.
    package let retryBudget: RetryBudgetPolicy?
    /// How long running exchanges may go on after the process was told to stop.
    package let drainTimeout: Nanoseconds
    /// How long they may go on after another process took over.
    package let upgradeTimeout: Nanoseconds

    /// A snapshot of the given parts; the caller keeps every index in range.
    package init(
        version: UInt64, ports: [Port], rules: [Rule], backends: [Backend],
        endpoints: [Endpoint], models: [Model], usageLimits: [Limit] = [],
        overload: [OverloadPolicy] = [],
        access: AccessTable = AccessTable(), residency: ResidencyTable = ResidencyTable(),
        identity: [IdentityProvider] = [], stickyKeys: [StickyKey] = [],
        rollouts: RolloutTable = RolloutTable(),
        embedders: [Embedder] = [],
        limits: ConnectionLimits,
        telemetry: TelemetrySettings, drainTimeout: Nanoseconds,
        upgradeTimeout: Nanoseconds = .seconds(900), retryBudget: RetryBudgetPolicy? = nil
    ) {
        self.version = version
        self.ports = ports
        hasAskedPorts = ports.contains { $0.speech.isAsked }
        self.rules = rules
        self.backends = backends
        self.endpoints = endpoints
        self.models = models
        self.usageLimits = usageLimits
        self.overload = overload
        self.access = access
        self.residency = residency
        self.identity = identity
        self.stickyKeys = stickyKeys
        self.rollouts = rollouts
        hasRollouts = !rollouts.plans.isEmpty
        self.embedders = embedders
        asksDestinations =
            access.policies.contains { $0.asksDestination }
            || backends.contains { !$0.access.isEmpty }
        let namesCallers = models.contains { !$0.identity.isEmpty }
        labelsComeLate =
            residency.readsBody || models.contains { !$0.labels.isEmpty }
            || namesCallers && residency.sources.contains { $0.readsCaller }
        self.limits = limits
        self.telemetry = telemetry
        self.drainTimeout = drainTimeout
        self.upgradeTimeout = upgradeTimeout
        self.retryBudget = retryBudget
    }

    /// `address:port` of the port at `index`; empty when there is none.
    package func place(ofPort index: Int) -> String {
        guard ports.indices.contains(index) else { return "" }
        let port = ports[index]
        return port.address.utf8.contains(UInt8(ascii: ":"))
            ? "[\(port.address)]:\(port.number)" : "\(port.address):\(port.number)"
    }

    /// The snapshot before any configuration: no ports, nothing routed.
    package static let empty = Snapshot(
        version: 0, ports: [], rules: [], backends: [], endpoints: [], models: [],
        limits: ConnectionLimits(), telemetry: TelemetrySettings(),
        drainTimeout: .seconds(30))
}

/// Index into `Snapshot.rules`.
package typealias RuleID = Int32
/// Index into `Snapshot.backends`.
package typealias BackendID = Int32
/// Index into `Snapshot.endpoints`.
package typealias EndpointID = Int32
/// Index into `Snapshot.models`.
package typealias ModelID = Int32

/// One address and port to listen on, with the listeners that share it.
package struct Port: Sendable, Hashable {
    /// The address to bind, textual IPv4 or IPv6: `127.0.0.1`.
    package var address: String
    /// The port to bind, 1 to 65535.
    package var number: UInt16
    /// What is spoken there, by every listener of it.
    package var speech: PortSpeech
    /// The listeners, most specific hostname first; a request belongs to the first that matches.
    package var listeners: [Listener]

    /// A port with its listeners in order of falling hostname specificity.
    package init(
        address: String, number: UInt16, speech: PortSpeech = .http, listeners: [Listener]
    ) {
        self.address = address
        self.number = number
        self.speech = speech
        self.listeners = listeners
    }
}

/// What is spoken on a port: traffic, or questions of other proxies about traffic of theirs.
package enum PortSpeech: String, Sendable, Hashable, CaseIterable {
    /// HTTP, to be routed.
    case http = "HTTP"
    /// The same within TLS.
    case https = "HTTPS"
    /// Envoy's external authorisation over gRPC: the mesh is asked.
    case extAuthzGRPC = "pinion.dev/ext-authz-grpc"
    /// The same over plain HTTP.
    case extAuthzHTTP = "pinion.dev/ext-authz-http"
    /// The questions that nginx asks with `auth_request`.
    case authRequest = "pinion.dev/auth-request"

    /// Whether other proxies ask there whether requests may pass.
    package var isAsked: Bool {
        switch self {
        case .http, .https: false
        case .extAuthzGRPC, .extAuthzHTTP, .authRequest: true
        }
    }

    /// Whether `fact` can be known of requests there.
    package func knows(_ fact: Fact) -> Bool {
        if !isAsked { return true }
        // The other proxy decides where a request goes, and so what its data is.
        if fact.stage == .destination || fact == .dataLabels { return false }
        switch self {
        case .http, .https, .extAuthzGRPC: return true
        // It says nothing of the caller's address.
        case .extAuthzHTTP: return fact != .sourceAddress
        // It never sends a body, or its length.
        case .authRequest: return fact.stage == .head && fact != .requestSize
        }
    }
}

/// One listener of a Gateway.
package struct Listener: Sendable, Hashable {
    /// `namespace/gateway/listener`, for logs and metrics.
    package var name: String
    /// The hostname it serves, nil for every hostname.
    package var hostname: Hostname?
    /// How it ends TLS, or nil when it does not.
    package var tls: ListenerTLS?
    /// The routes attached to it.
    package var routes: RouteTable
    /// The logical models attached to it, by name, sorted by the bytes of the name; empty when
    /// none is.
    package var models: [NamedModel]

    /// A listener of the given parts.
    package init(
        name: String, hostname: Hostname?, tls: ListenerTLS? = nil, routes: RouteTable,
        models: [NamedModel]
    ) {
        self.name = name
        self.hostname = hostname
        self.tls = tls
        self.routes = routes
        self.models = models
    }
}

/// A logical model under one of the names a caller may use for it.
package struct NamedModel: Sendable, Hashable {
    /// The name as the caller writes it in `model`, UTF-8.
    package var name: [UInt8]
    /// The model it names.
    package var model: ModelID

    /// `model` under `name`.
    package init(name: [UInt8], model: ModelID) {
        self.name = name
        self.model = model
    }
}

/// An exact hostname or one with a wildcard as its first label, in lower case.
package struct Hostname: Sendable, Hashable {
    /// The name without `*.`: `example.com`.
    package var labels: [UInt8]
    /// Whether one or more labels may stand in front.
    package var isWildcard: Bool

    /// The hostname written as `labels` (lower case, no port), with `*.` in front when
    /// `isWildcard`.
    package init(labels: [UInt8], isWildcard: Bool) {
        self.labels = labels
        self.isWildcard = isWildcard
    }

    /// The hostname as an operator writes it.
    package var text: String {
        (isWildcard ? "*." : "") + String(decoding: labels, as: UTF8.self)
    }
}
