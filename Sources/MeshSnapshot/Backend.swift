// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// Where traffic can go: a set of endpoints that are the same to a caller.
package struct Backend: Sendable, Hashable {
    /// `namespace/name`.
    package var name: String
    /// The OpenTelemetry `gen_ai.provider.name` of what serves here: `openai`, `vllm`.
    package var provider: String
    /// The tongue its endpoints speak.
    package var dialect: Dialect
    /// Its endpoints, a run of `Snapshot.endpoints`.
    package var endpoints: Range<EndpointID>
    /// How one of them is chosen.
    package var balancing: Balancing
    /// How they are probed, or nil.
    package var healthCheck: HealthCheck?
    /// When one of them is left out because of its answers, or nil.
    package var outlier: OutlierPolicy?
    /// What becomes of the pauses that servers ask for; nil for nothing.
    package var coolDown: CoolDownPolicy?
    /// Whether near endpoints are preferred, and when others help out; nil for no preference.
    package var locality: LocalityPolicy?
    /// How long an endpoint that was out takes to get its whole share again; zero for no time.
    package var slowStart: Nanoseconds
    /// The version of HTTP that they are spoken to in.
    package var version: HTTPVersion
    /// How connections to them are encrypted, or nil for cleartext.
    package var tls: UpstreamTLS?
    /// What is dropped from the front of a path that has it, whole segments only; empty for
    /// nothing. No slash at its end.
    package var pathStrip: [UInt8]
    /// What is then put in front of the path; empty for nothing. No slash at its end.
    package var pathPrefix: [UInt8]
    /// The Host that endpoints are sent; nil keeps the caller's.
    package var hostHeader: [UInt8]?
    /// The credential that endpoints are sent instead of the caller's, or nil.
    package var credential: Credential?
    /// Bounds on the connections to it.
    package var connections: ConnectionPoolPolicy
    /// The AccessPolicies that every request to it must meet, ascending.
    package var access: [AccessID]
    /// The OverloadPolicy of it, or -1.
    package var overload: OverloadID

    /// The tongue of a backend's endpoints.
    package enum Dialect: Sendable, Hashable {
        /// Any HTTP; nothing is read or changed in bodies.
        case http
        /// The OpenAI API, as vLLM, SGLang, llama.cpp and many others serve it.
        case openAI
    }

    /// A version of HTTP.
    package enum HTTPVersion: Sendable, Hashable {
        /// HTTP/1.1.
        case http1
        /// HTTP/2, by prior knowledge where connections are not encrypted.
        case http2
    }

    /// A backend of the given parts.
    package init(
        name: String, provider: String = "", dialect: Dialect = .http,
        endpoints: Range<EndpointID>, balancing: Balancing = .peakEWMA,
        healthCheck: HealthCheck? = nil, outlier: OutlierPolicy? = OutlierPolicy(),
        coolDown: CoolDownPolicy? = CoolDownPolicy(), locality: LocalityPolicy? = nil,
        slowStart: Nanoseconds = .zero,
        version: HTTPVersion = .http1, tls: UpstreamTLS? = nil, pathStrip: [UInt8] = [],
        pathPrefix: [UInt8] = [],
        hostHeader: [UInt8]? = nil, credential: Credential? = nil,
        connections: ConnectionPoolPolicy = ConnectionPoolPolicy(), access: [AccessID] = [],
        overload: OverloadID = -1
    ) {
        self.name = name
        self.provider = provider
        self.dialect = dialect
        self.endpoints = endpoints
        self.balancing = balancing
        self.healthCheck = healthCheck
        self.outlier = outlier
        self.coolDown = coolDown
        self.locality = locality
        self.slowStart = slowStart
        self.version = version
        self.tls = tls
        self.pathStrip = pathStrip
        self.pathPrefix = pathPrefix
        self.hostHeader = hostHeader
        self.credential = credential
        self.connections = connections
        self.access = access
        self.overload = overload
    }
}

/// How requests are spread over endpoints that are near and far.
package struct LocalityPolicy: Sendable, Hashable {
    /// What the endpoints of a tier carry, in percent of their share: 140 lets a tier take
    /// everything until more than two sevenths of it are out.
    package var overprovisioningPercent: Int
    /// Requests in flight at an endpoint, for each unit of weight, from which the next tier is
    /// asked; 0 for never.
    package var spillRequests: Int

    /// A policy of the given parts.
    package init(overprovisioningPercent: Int = 140, spillRequests: Int = 0) {
        self.overprovisioningPercent = overprovisioningPercent
        self.spillRequests = spillRequests
    }
}

/// One socket address of a backend.
package struct Endpoint: Sendable, Hashable {
    /// The backend it belongs to.
    package var backend: BackendID
    /// Textual IPv4 or IPv6 address, never a name: names are resolved before compilation.
    package var address: String
    /// TCP port.
    package var port: UInt16
    /// Relative share among the endpoints of its backend, 1 to 1000; 0 takes no traffic.
    package var weight: Int
    /// What is known about it (region, zone, hardware, …), sorted by key.
    package var labels: [Label]
    /// What a verifier said about it, or nil.
    package var attestation: Attestation?
    /// How near it is to the proxy: 0 is its zone, 1 its region, 2 anywhere else; 0 where nearness
    /// counts for nothing.
    package var tier: UInt8 = 0

    /// A named fact about an endpoint.
    package struct Label: Sendable, Hashable {
        /// The fact's name: `region`.
        package var key: String
        /// Its value: `eu-west`.
        package var value: String

        /// The fact `key` = `value`.
        package init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    /// An endpoint of the given parts.
    package init(
        backend: BackendID, address: String, port: UInt16, weight: Int = 1, labels: [Label] = [],
        attestation: Attestation? = nil
    ) {
        self.backend = backend
        self.address = address
        self.port = port
        self.weight = weight
        self.labels = labels
        self.attestation = attestation
    }

    /// `10.0.0.1:8000` or `[::1]:8000`: with the backend's name, what an endpoint is known by
    /// from one snapshot to the next.
    package var authority: String {
        address.utf8.contains(UInt8(ascii: ":")) ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}

/// How one endpoint of a backend is chosen.
package enum Balancing: Sendable, Hashable {
    /// Two at random, the one with the lower (latency estimate x requests in flight) wins.
    case peakEWMA
    /// Two at random, the one with fewer requests in flight wins.
    case leastRequest
    /// One after another, by weight.
    case roundRobin
    /// The same endpoint for the same value of a request header, as far as possible.
    case ringHash(header: [UInt8])
}

/// Probing of endpoints.
package struct HealthCheck: Sendable, Hashable {
    /// The path that is asked with GET.
    package var path: [UInt8]
    /// Time from one probe to the next.
    package var interval: Nanoseconds
    /// Time within which an answer must come.
    package var timeout: Nanoseconds
    /// Good answers in a row after which an unhealthy endpoint is used again.
    package var healthyThreshold: Int
    /// Bad answers in a row after which a healthy endpoint is no longer used.
    package var unhealthyThreshold: Int
    /// The statuses of a good answer.
    package var expectedStatuses: ClosedRange<Int>

    /// A check of the given parts.
    package init(
        path: [UInt8], interval: Nanoseconds = .seconds(5), timeout: Nanoseconds = .seconds(2),
        healthyThreshold: Int = 2, unhealthyThreshold: Int = 3,
        expectedStatuses: ClosedRange<Int> = 200...299
    ) {
        self.path = path
        self.interval = interval
        self.timeout = timeout
        self.healthyThreshold = healthyThreshold
        self.unhealthyThreshold = unhealthyThreshold
        self.expectedStatuses = expectedStatuses
    }
}

/// When an endpoint is left out because of how its requests went.
package struct OutlierPolicy: Sendable, Hashable {
    /// Failures in a row (5xx, connect failure, reset, time-out) that eject; 0 for never.
    package var consecutiveFailures: Int
    /// Success below this many percent within `interval` ejects; 0 for never.
    package var successRatePercentMin: Int
    /// Requests within `interval` below which the success rate says nothing.
    package var successRateRequestsMin: Int
    /// A mean time to the first byte above this many percent of the median of all endpoints
    /// ejects; 0 for never.
    package var latencyPercentMax: Int
    /// Answers within `interval` below which the time to the first byte says nothing.
    package var latencyRequestsMin: Int
    /// The window of the success rate and of the times.
    package var interval: Nanoseconds
    /// The first ejection's length; the n-th lasts n times as long.
    package var baseEjectionTime: Nanoseconds
    /// The longest ejection.
    package var ejectionTimeMax: Nanoseconds
    /// The most endpoints of a backend that may be out at once, in percent; one endpoint always
    /// stays.
    package var ejectedPercentMax: Int
    /// The share of endpoints, in percent, below which those that are out are used all the same;
    /// 0 for only when none is left.
    package var panicPercent: Int

    /// A policy of the given parts.
    package init(
        consecutiveFailures: Int = 5, successRatePercentMin: Int = 0,
        successRateRequestsMin: Int = 20, interval: Nanoseconds = .seconds(10),
        baseEjectionTime: Nanoseconds = .seconds(5),
        ejectionTimeMax: Nanoseconds = .seconds(30), ejectedPercentMax: Int = 50,
        panicPercent: Int = 0, latencyPercentMax: Int = 0, latencyRequestsMin: Int = 20
    ) {
        self.consecutiveFailures = consecutiveFailures
        self.successRatePercentMin = successRatePercentMin
        self.successRateRequestsMin = successRateRequestsMin
        self.interval = interval
        self.baseEjectionTime = baseEjectionTime
        self.ejectionTimeMax = ejectionTimeMax
        self.ejectedPercentMax = ejectedPercentMax
        self.panicPercent = panicPercent
        self.latencyPercentMax = latencyPercentMax
        self.latencyRequestsMin = latencyRequestsMin
    }
}

/// What becomes of the pauses that model servers ask for: `429`, `Retry-After`, a budget of theirs
/// that is used up.
package struct CoolDownPolicy: Sendable, Hashable {
    /// The pause of a server that does not say for how long; doubles each time in a row.
    package var base: Nanoseconds
    /// The longest pause, however long the server asks for.
    package var longest: Nanoseconds
    /// Who gets the pause; nil to tell it by whose credential was shown.
    package var scope: Scope?

    /// Who gets a pause.
    package enum Scope: Sendable, Hashable {
        /// The endpoint that asked for it.
        case endpoint
        /// The upstream model at every endpoint of the backend.
        case model
        /// Every endpoint and model of the backend.
        case backend
    }

    /// A policy of the given parts.
    package init(
        base: Nanoseconds = .seconds(1), longest: Nanoseconds = .seconds(300),
        scope: Scope? = nil
    ) {
        self.base = base
        self.longest = longest
        self.scope = scope
    }
}

/// TLS towards endpoints.
package struct UpstreamTLS: Sendable, Hashable {
    /// The name that is sent as SNI and checked against the certificate.
    package var serverName: String
    /// A PEM file of certificate authorities; nil for the system's.
    package var caFile: String?
    /// The version of HTTP that is agreed on within it.
    package var version: Backend.HTTPVersion
    /// Authorities in the place of `caFile`.
    package var authorities: [AuthoritySource] = []
    /// The trust domain that endpoints are workloads of, or nil.
    package var trustDomain: String?
    /// Names of which the certificate must have one; empty when it must have `serverName`.
    package var names: [PeerName] = []
    /// The certificate that is shown to endpoints.
    package var certificate: CertificateSource?

    /// A name in a certificate.
    package enum PeerName: Sendable, Hashable {
        /// A host, in lower case.
        case host(String)
        /// A URI.
        case uri(String)
    }

    /// Whether it is a name and no more: the system's authorities vouch for it.
    package var isPlain: Bool { caFile == nil && !isElaborate }

    /// Whether it is more than an authority file and a name.
    package var isElaborate: Bool {
        !authorities.isEmpty || !names.isEmpty || certificate != nil
    }

    /// TLS of the given parts.
    package init(
        serverName: String, caFile: String? = nil, version: Backend.HTTPVersion = .http1
    ) {
        self.serverName = serverName
        self.caFile = caFile
        self.version = version
    }
}

/// Where a credential is read and how it is sent. The value itself is never in a snapshot.
package struct Credential: Sendable, Hashable {
    /// The header that carries it, lower case: `authorization`.
    package var header: [UInt8]
    /// What stands in front of the value: `Bearer `.
    package var prefix: [UInt8]
    /// Where the value is read.
    package var source: Source

    /// Where the value of a credential is read.
    package enum Source: Sendable, Hashable {
        /// An environment variable of the proxy.
        case environment(String)
        /// A file; one line break at its end is dropped.
        case file(String)
        /// A value of a Secret, `namespace/name`, held apart from the snapshot.
        case secret(name: String, key: String)
    }

    /// `value` without line breaks at its end, or nil when nothing is left or it holds a control
    /// byte, with which whoever wrote it could add header fields of its own.
    package static func usable(_ value: Secret<[UInt8]>) -> Secret<[UInt8]>? {
        var bytes = value.reveal()
        while bytes.last == UInt8(ascii: "\n") || bytes.last == UInt8(ascii: "\r") {
            bytes.removeLast()
        }
        let isPlain = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        return bytes.isEmpty || !isPlain ? nil : Secret(bytes)
    }

    /// A credential of the given parts.
    package init(header: [UInt8], prefix: [UInt8], source: Source) {
        self.header = header
        self.prefix = prefix
        self.source = source
    }
}

/// Bounds on the connections of one event loop to one endpoint.
package struct ConnectionPoolPolicy: Sendable, Hashable {
    /// Idle connections that are kept.
    package var idleMax: Int
    /// How long an idle connection is kept.
    package var idleTimeout: Nanoseconds

    /// A policy of the given parts.
    package init(idleMax: Int = 256, idleTimeout: Nanoseconds = .seconds(60)) {
        self.idleMax = idleMax
        self.idleTimeout = idleTimeout
    }
}
