// SPDX-License-Identifier: Apache-2.0

import MeshModel
import MeshSnapshot

extension Compiler {
    /// The listeners, by index and ascending, that `parents` of `resource` attach to. A parent
    /// that attaches to none is reported with the reason.
    ///
    /// `hostnames` are those of the resource; empty for every hostname.
    ///
    /// **Source** Gateway API, `ParentReference`, `AllowedRoutes` and `Listener.hostname`.
    mutating func attach(
        _ resource: Metadata, _ parents: [ParentReference], hostnames: [Hostname]
    ) -> [Int] {
        var attached: Set<Int> = []
        for parent in parents {
            attached.formUnion(attach(resource, parent, hostnames))
        }
        return attached.sorted()
    }

    private mutating func attach(
        _ resource: Metadata, _ parent: ParentReference, _ hostnames: [Hostname]
    ) -> [Int] {
        let name = parent.gateway.target(from: resource.id.namespace)
        guard let gateway = catalog.index(of: .gateway, name) else {
            if !catalog.foreignGateways.contains(name) {
                report.dangling(parent.gateway, .gateway, name, in: resource, catalog)
            }
            return []
        }
        var candidates = listeners.indices.filter { listeners[$0].gatewayIndex == gateway }
        let metadata = catalog.gateways[gateway].metadata
        // With listeners that could not be read, nothing can be said about what is not there.
        guard !candidates.isEmpty else { return [] }
        if let section = parent.sectionName {
            let names = candidates.map { listeners[$0].resource.name.value }
            candidates.removeAll { listeners[$0].resource.name.value != section.value }
            if candidates.isEmpty {
                guard metadata.isSound else { return [] }
                let known = names.map { "`\($0)`" }.joined(separator: ", ")
                report.error(
                    section.place, resource,
                    "\(metadata.label) has no listener \(quoted(section.value))",
                    Suggestion.nearest(to: section.value, among: names)
                        .map { "did you mean `\($0)`?" } ?? "write one of \(known)")
                return []
            }
        }
        if let port = parent.gateway.port {
            let ports = candidates.map { "\(listeners[$0].resource.port.value)" }
            candidates.removeAll { listeners[$0].resource.port.value != port.value }
            if candidates.isEmpty {
                report.error(
                    port.place, resource,
                    "no listener of \(metadata.label) that is meant has port \(port.value)",
                    "write one of \(ports.joined(separator: ", ")), or remove `port`")
                return []
            }
        }
        return admitted(candidates, of: metadata, to: resource, parent, hostnames)
    }

    /// Those of `candidates` that let `resource` attach.
    private mutating func admitted(
        _ candidates: [Int], of gateway: Metadata, to resource: Metadata,
        _ parent: ParentReference, _ hostnames: [Hostname]
    ) -> [Int] {
        let place = parent.gateway.name.place
        var candidates = candidates.filter { listeners[$0].takes(resource.kind) }
        guard !candidates.isEmpty else {
            report.error(
                place, resource,
                "\(gateway.label) does not let a \(resource.kind.rawValue) attach",
                "add the kind to `allowedRoutes.kinds` of a listener")
            return []
        }
        candidates.removeAll { index in
            switch listeners[index].resource.namespaces {
            case .all: false
            case .none: true
            case .same: resource.id.namespace != gateway.id.namespace
            }
        }
        guard !candidates.isEmpty else {
            report.error(
                place, resource,
                "\(gateway.label) lets nothing of namespace \(quoted(resource.id.namespace)) "
                    + "attach",
                "write `allowedRoutes: {namespaces: {from: All}}` into a listener")
            return []
        }
        guard !hostnames.isEmpty else { return candidates }
        let names = candidates.map { listeners[$0].hostname?.text ?? "*" }
        candidates.removeAll { index in
            hostnames.allSatisfy {
                Hostname.intersection(listeners[index].hostname, $0) == .none
            }
        }
        if candidates.isEmpty {
            let known = names.map { "`\($0)`" }.joined(separator: ", ")
            report.error(
                place, resource,
                "no hostname of the route is served by a listener of \(gateway.label)",
                "write hostnames within \(known)")
        }
        return candidates
    }
}
