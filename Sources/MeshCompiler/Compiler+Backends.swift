// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshSnapshot

extension Compiler {
    /// Fills `backends`, `endpoints` and `names`, one backend for each of the catalog.
    mutating func compileBackends() {
        usedBackends = Array(repeating: false, count: catalog.backends.count)
        let policies = backendTLSPolicies()
        for resource in catalog.backends {
            compile(resource, policies[resource.metadata.id])
        }
    }

    private mutating func compile(
        _ resource: BackendResource, _ encrypted: BackendTLSPolicyResource?
    ) {
        let metadata = resource.metadata
        let url = resource.url.flatMap { URLParts($0.value) }
        checkSources(resource)
        let settings = policies.settings(of: .backend, metadata.id, over: policies.defaults)
        let first = EndpointID(endpoints.count)
        appendEndpoints(of: resource, url, to: BackendID(backends.count))
        settle(from: Int(first), settings)
        let (strip, prefix) = paths(of: resource, url)
        backends.append(
            Backend(
                name: metadata.id.text,
                provider: resource.provider ?? (resource.isOpenAI ? "openai" : ""),
                dialect: resource.isOpenAI ? .openAI : .http,
                endpoints: first..<EndpointID(endpoints.count), balancing: settings.balancing,
                healthCheck: settings.healthCheck, outlier: settings.outlier,
                coolDown: settings.coolDown, locality: settings.locality,
                slowStart: settings.slowStart,
                version: version(of: resource), tls: encryption(of: resource, url, encrypted),
                pathStrip: strip, pathPrefix: prefix,
                hostHeader: (resource.hostHeader?.value ?? url?.authority).map { Array($0.utf8) },
                credential: credential(of: resource), connections: settings.connections,
                overload: overload.policy(of: metadata.id)))
    }

    /// Says how near the endpoints behind `first` are, and takes the weight of those that are
    /// drained.
    private mutating func settle(from first: Int, _ settings: TrafficSettings) {
        for number in first..<endpoints.count {
            endpoints[number].tier = settings.tier(of: endpoints[number].labels)
            if settings.drains(endpoints[number].labels) { endpoints[number].weight = 0 }
        }
    }

    /// Exactly one of `endpoints`, `dns` and `url`.
    private mutating func checkSources(_ resource: BackendResource) {
        let places: [(String, Place?)] = [
            ("endpoints", resource.endpoints?.place), ("dns", resource.dns?.place),
            ("url", resource.url?.place),
        ]
        let written = places.compactMap { name, place in place.map { (name, $0) } }
        if written.isEmpty {
            report.missing(
                resource.metadata.place, resource.metadata, "the Backend leads nowhere",
                "add one of `endpoints`, `dns` and `url`")
        }
        for (name, place) in written.dropFirst() {
            report.error(
                place, resource.metadata, "`\(name)` is written beside `\(written[0].0)`",
                "keep one of them")
        }
    }

    private mutating func appendEndpoints(
        of resource: BackendResource, _ url: URLParts?, to backend: BackendID
    ) {
        let shared = Known(
            labels: resource.labels,
            attestation: evidence.attestation(resource.evidence, of: resource.metadata, &report))
        if let written = resource.endpoints {
            append(written.value, shared, of: resource.metadata, to: backend)
        } else if let dns = resource.dns {
            let refresh = dns.value.refresh?.value ?? Self.refreshDefault
            if let written = dns.value.refresh, written.value <= .zero {
                report.error(
                    written.place, resource.metadata, "this duration cannot be zero",
                    "write a duration above `0s`")
            }
            guard !dns.value.hostname.isEmpty, dns.value.port > 0 else { return }
            resolve(dns.value.hostname, dns.value.port, refresh, shared, to: backend)
        } else if let url, let port = UInt16(exactly: url.port) {
            if url.host == "localhost" || Notation.isIPAddress(url.host) {
                let address = url.host == "localhost" ? Self.loopback : url.host
                endpoints.append(
                    Endpoint(
                        backend: backend, address: address, port: port,
                        labels: shared.joined([]), attestation: shared.attestation))
            } else {
                resolve(url.host, port, Self.refreshDefault, shared, to: backend)
            }
        }
    }

    private static let refreshDefault = Nanoseconds.seconds(30)
    private static let loopback = "127.0.0.1"

    private mutating func append(
        _ written: [BackendResource.Endpoint], _ shared: Known,
        of metadata: Metadata, to backend: BackendID
    ) {
        var seen: [String: Place] = [:]
        for endpoint in written {
            let address =
                endpoint.address.value == "localhost"
                ? Self.loopback : endpoint.address.value.lowercased()
            let value = Endpoint(
                backend: backend, address: address, port: endpoint.port, weight: endpoint.weight,
                labels: shared.joined(endpoint.labels),
                attestation: endpoint.evidence == nil
                    ? shared.attestation
                    : evidence.attestation(endpoint.evidence, of: metadata, &report))
            if let first = seen[value.authority] {
                report.error(
                    endpoint.address.place, metadata,
                    "\(quoted(value.authority)) is written twice, first at \(first.text)",
                    "keep one of them, with the sum of their weights")
            }
            seen[value.authority] = endpoint.address.place
            endpoints.append(value)
        }
        if !written.isEmpty, written.allSatisfy({ $0.weight == 0 }) {
            report.error(
                written[0].address.place, metadata, "every endpoint has weight 0",
                "give at least one endpoint a weight above 0")
        }
    }

    private mutating func resolve(
        _ hostname: String, _ port: UInt16, _ refresh: Nanoseconds,
        _ shared: Known, to backend: BackendID
    ) {
        let hostname = hostname.lowercased()
        names.append(DNSName(hostname: hostname, port: port, refresh: refresh))
        for address in resolved.addresses(of: hostname) {
            endpoints.append(
                Endpoint(
                    backend: backend, address: address, port: port,
                    labels: shared.joined([]), attestation: shared.attestation))
        }
    }

    /// What is dropped from and put in front of paths.
    ///
    /// A URL's path is the base that an SDK would be given: for the OpenAI dialect it stands for
    /// the caller's `/v1`, else it is put in front.
    private mutating func paths(
        of resource: BackendResource, _ url: URLParts?
    ) -> (strip: [UInt8], prefix: [UInt8]) {
        var written = resource.pathPrefix.map { Array($0.value.utf8) } ?? []
        while written.last == UInt8(ascii: "/") { written.removeLast() }
        guard let url else { return ([], written) }
        if let prefix = resource.pathPrefix {
            report.error(
                prefix.place, resource.metadata, "`pathPrefix` is written beside `url`",
                "write the path into the URL")
        }
        let base = Array(url.path.utf8)
        guard resource.isOpenAI else { return ([], base) }
        let standard = Array("/v1".utf8)
        if base == standard { return ([], []) }
        if base.isEmpty, let place = resource.url?.place {
            report.warning(
                place, resource.metadata,
                "the URL has no base path, so `/v1/models` is asked as `/models`",
                "append `/v1`, as most servers want it")
        }
        return (standard, base)
    }

    func version(of resource: BackendResource) -> Backend.HTTPVersion {
        switch resource.appProtocol?.value {
        case "http2", "kubernetes.io/h2c": .http2
        default: .http1
        }
    }

    private mutating func encryption(
        of resource: BackendResource, _ url: URLParts?, _ policy: BackendTLSPolicyResource?
    ) -> UpstreamTLS? {
        if let url, !url.isSecure, let tls = resource.tls {
            report.error(
                tls.place, resource.metadata, "`tls` is written beside an `http` URL",
                "write `https://` or remove `tls`")
        }
        guard resource.tls != nil || url?.isSecure == true || policy != nil else { return nil }
        if let written = resource.appProtocol, written.value == "kubernetes.io/h2c" {
            report.error(
                written.place, resource.metadata,
                "`kubernetes.io/h2c` is HTTP/2 in cleartext, and the Backend is encrypted",
                "write `appProtocol: http2`, or remove the encryption")
        }
        let shown = resource.tls?.value.certificate.flatMap {
            certificate($0, of: resource.metadata)
        }
        if let policy {
            return encryption(of: resource, policy).map { settings in
                var settings = settings
                settings.certificate = shown
                return settings
            }
        }
        let name =
            resource.tls?.value.serverName ?? url?.host
            ?? resource.dns?.value.hostname.lowercased()
        guard let name else {
            report.missing(
                resource.tls?.place ?? resource.metadata.place, resource.metadata,
                "the name that certificates must have is not known for endpoints",
                "add `serverName`")
            return nil
        }
        var settings = UpstreamTLS(
            serverName: name, caFile: resource.tls?.value.caFile, version: version(of: resource))
        settings.certificate = shown
        return settings
    }
}

/// What a Backend says about all of its endpoints.
private struct Known {
    /// Their labels.
    var labels: [Metadata.Label]
    /// What a verifier said about them.
    var attestation: Attestation?

    /// The labels of an endpoint, its `own` and those of its Backend that it has not, sorted by
    /// key.
    func joined(_ own: [Metadata.Label]) -> [Endpoint.Label] {
        let others = labels.filter { label in !own.contains { $0.key == label.key } }
        return (own + others).sorted { $0.key < $1.key }
            .map { Endpoint.Label(key: $0.key, value: $0.value) }
    }
}
