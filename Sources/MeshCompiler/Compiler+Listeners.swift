// SPDX-License-Identifier: Apache-2.0

import MeshModel
import MeshSnapshot

/// A listener while routes and models are being attached to it.
struct ListenerDraft {
    /// The Gateway it belongs to.
    var gateway: Metadata
    /// The index of the Gateway in the catalog.
    var gatewayIndex: Int
    /// What was written.
    var resource: GatewayResource.Listener
    /// The addresses it is bound at.
    var addresses: [Located<String>]
    /// The hostname it serves.
    var hostname: Hostname?
    /// What is spoken there.
    var speech: PortSpeech
    /// How it ends TLS.
    var tls: ListenerTLS?
    /// What holds for everything on it: the Mesh's defaults and the Gateway's policies.
    var settings: TrafficSettings
    /// The limits of the Gateway.
    var limits: [LimitID]
    /// The AccessPolicies of the Gateway.
    var access: [AccessID]
    /// The data labels that the Gateway gives.
    var labels: DataLabels
    /// The IdentityProviders of the listener or, without any, of the Gateway.
    var identity: [IdentityID]
    /// The matches of attached routes.
    var entries: [RouteEntry] = []
    /// The matches of attached routes, for finding equal ones.
    var claims: [MatchKey: MatchClaim] = [:]
    /// The models on it, by name.
    var models: [NamedModel] = []
    /// Who has which model name, for finding equal ones.
    var modelClaims: [String: ModelClaim] = [:]

    /// Who has a model name.
    struct ModelClaim {
        /// The Model.
        var metadata: Metadata
        /// Where the name is written.
        var place: Place
    }

    /// Whether resources of `kind` may attach. Where the mesh is only asked, another proxy decides
    /// where requests go: routes say which policies hold, and Models have no say.
    func takes(_ kind: Kind) -> Bool {
        if speech.isAsked, kind != .httpRoute { return false }
        return resource.kinds.isEmpty || resource.kinds.contains(kind)
    }

    /// `namespace/gateway/listener`.
    var name: String { "\(gateway.id.text)/\(resource.name.value)" }
}

extension Compiler {
    /// Fills `listeners`, in the order of Gateways and of their listeners.
    mutating func compileListeners() {
        for (index, gateway) in catalog.gateways.enumerated() {
            let settings = policies.settings(
                of: .gateway, gateway.metadata.id, over: policies.defaults)
            let addresses =
                gateway.addresses.isEmpty
                ? [Located(Self.addressDefault, at: gateway.metadata.place)] : gateway.addresses
            var named: [String: Place] = [:]
            for listener in gateway.listeners {
                if let first = named[listener.name.value] {
                    report.error(
                        listener.name.place, gateway.metadata,
                        "there is a listener \(quoted(listener.name.value)) already, at "
                            + first.text, "rename one of them")
                    continue
                }
                named[listener.name.value] = listener.name.place
                let speech =
                    listener.speech.flatMap { PortSpeech(rawValue: $0.value) } ?? .http
                listeners.append(
                    ListenerDraft(
                        gateway: gateway.metadata, gatewayIndex: index, resource: listener,
                        addresses: addresses,
                        hostname: listener.hostname.map { Hostname(written: $0.value) },
                        speech: speech, tls: termination(of: listener, speech, gateway),
                        settings: settings,
                        limits: limits.limits(of: .gateway, gateway.metadata.id),
                        access: access.policies(of: .gateway, gateway.metadata.id),
                        labels: residency.labels(of: .gateway, gateway.metadata.id),
                        identity: identity.providers(
                            ofListener: listener.name.value, of: gateway.metadata.id)))
            }
        }
        checkBindings()
        checkValidatedPorts()
    }

    private static let addressDefault = "127.0.0.1"

    /// Each address, port and hostname belongs to one listener, and a port that is bound at
    /// every address cannot be bound at one of them as well.
    private mutating func checkBindings() {
        checkSpeeches()
        var claims: [Binding: Int] = [:]
        var wildcards: [UInt16: Int] = [:]
        for (index, listener) in listeners.enumerated() {
            let port = listener.resource.port.value
            for address in listener.addresses {
                let binding = Binding(
                    address: address.value.lowercased(), port: port,
                    hostname: listener.hostname)
                if let first = claims[binding], listeners[first].speech == listener.speech {
                    let other = listeners[first]
                    report.error(
                        listener.resource.name.place, listener.gateway,
                        "\(address.value):\(port) with "
                            + (listener.hostname.map { "hostname `\($0.text)`" }
                                ?? "every hostname")
                            + " belongs to listener \(quoted(other.resource.name.value)) of "
                            + "\(other.gateway.label) already, at "
                            + other.resource.name.place.text,
                        "give one of them another port or hostname")
                }
                claims[binding] = claims[binding] ?? index
                if Self.isWildcard(address.value) { wildcards[port] = wildcards[port] ?? index }
            }
        }
        for listener in listeners {
            let port = listener.resource.port
            guard let first = wildcards[port.value] else { continue }
            let other = listeners[first]
            for address in listener.addresses
            where !Self.isWildcard(address.value) {
                report.error(
                    port.place, listener.gateway,
                    "port \(port.value) is bound at every address by listener "
                        + "\(quoted(other.resource.name.value)) of \(other.gateway.label), at "
                        + "\(other.resource.name.place.text), and cannot be bound at "
                        + "\(address.value) as well",
                    "write the same address for both, or another port")
            }
        }
    }

    /// Who connects to a port must know what to speak before any hostname was told.
    private mutating func checkSpeeches() {
        var first: [Binding: Int] = [:]
        for (index, listener) in listeners.enumerated() {
            for address in listener.addresses {
                let port = Binding(
                    address: address.value.lowercased(), port: listener.resource.port.value,
                    hostname: nil)
                guard let known = first[port], listeners[known].speech != listener.speech else {
                    first[port] = first[port] ?? index
                    continue
                }
                let other = listeners[known]
                report.error(
                    listener.resource.speech?.place ?? listener.resource.name.place,
                    listener.gateway,
                    "listener \(quoted(other.resource.name.value)) of \(other.gateway.label) "
                        + "speaks \(quoted(other.speech.rawValue)) on port \(port.port), at "
                        + other.resource.name.place.text,
                    "give one of them another port")
            }
        }
    }

    private struct Binding: Hashable {
        var address: String
        var port: UInt16
        var hostname: Hostname?
    }

    private static func isWildcard(_ address: String) -> Bool {
        address == "0.0.0.0" || address == "::"
    }

    /// The ports with their listeners, once everything is attached.
    func ports() -> [Port] {
        let finished = listeners.map { draft in
            Listener(
                name: draft.name, hostname: draft.hostname, tls: draft.tls,
                routes: RouteTable(entries: draft.entries),
                models: draft.models.sorted { $0.name.lexicographicallyPrecedes($1.name) })
        }
        var ports: [Port] = []
        var indices: [Binding: Int] = [:]
        for (index, draft) in listeners.enumerated() {
            for address in draft.addresses {
                let binding = Binding(
                    address: address.value.lowercased(), port: draft.resource.port.value,
                    hostname: nil)
                if let known = indices[binding] {
                    ports[known].listeners.append(finished[index])
                } else {
                    indices[binding] = ports.count
                    ports.append(
                        Port(
                            address: binding.address, number: binding.port,
                            speech: draft.speech, listeners: [finished[index]]))
                }
            }
        }
        for index in ports.indices {
            ports[index].listeners.sort { a, b in
                if a.hostname == b.hostname { return a.name < b.name }
                return Hostname.precedes(a.hostname, b.hostname)
            }
        }
        return ports.sorted { ($0.address, $0.number) < ($1.address, $1.number) }
    }
}
