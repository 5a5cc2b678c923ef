// SPDX-License-Identifier: Apache-2.0

import MeshModel
import MeshSnapshot

/// What a reference leads to: an index into the catalog.
enum Destination: Hashable {
    /// A Backend.
    case backend(Int)
    /// A Model.
    case model(Int)
}

extension Compiler {
    /// What `reference` of a route leads to, or nil when that is nothing, which is reported.
    mutating func destination(of reference: Reference, in route: Metadata) -> Destination? {
        guard let kind = kind(of: reference, in: route) else { return nil }
        if let port = reference.port {
            report.error(
                port.place, route, "`port` means nothing for a \(kind.rawValue)",
                "remove it: the port is written in the Backend")
        }
        guard let index = resolve(reference, kind, in: route) else { return nil }
        if route.kind == .grpcRoute { checkCallee(reference, kind, index, in: route) }
        if kind == .model { return .model(index) }
        usedBackends[index] = true
        return .backend(index)
    }

    /// gRPC is spoken over HTTP/2 alone, and Models take requests of the OpenAI API.
    private mutating func checkCallee(
        _ reference: Reference, _ kind: Kind, _ index: Int, in route: Metadata
    ) {
        if kind == .model {
            report.error(
                reference.place, route,
                "\(quoted(reference.name.value)) is a Model, which takes no calls of gRPC",
                "write `kind: Backend`")
        } else if catalog.backends[index].appProtocol?.value ?? "http" == "http" {
            report.error(
                reference.place, route,
                "\(catalog.backends[index].metadata.label) is spoken to in HTTP/1.1, which "
                    + "cannot carry gRPC",
                "write `appProtocol: http2` into its `spec`")
        }
    }

    private mutating func kind(of reference: Reference, in route: Metadata) -> Kind? {
        let group = reference.group?.value ?? ""
        let kindText = reference.kind?.value ?? "Service"
        let kind = Kind(rawValue: kindText)
        let isOurs = kind == .backend || kind == .model
        if isOurs, group == Kind.backend.group { return kind }
        if isOurs {
            report.error(
                reference.place, route,
                "`\(kindText)` is not a kind of group \(quoted(group))",
                "add `group: \(Kind.backend.group)`")
        } else if kindText == "Service", group.isEmpty {
            report.error(
                reference.place, route,
                "\(quoted(reference.name.value)) is a Service, which exists only in Kubernetes",
                "write `group: \(Kind.backend.group)` and `kind: Backend`")
        } else {
            report.error(
                reference.place, route,
                "nothing can be forwarded to a \(quoted(kindText)) of group \(quoted(group))",
                "write `group: \(Kind.backend.group)` and `kind: Backend` or `kind: Model`")
        }
        return nil
    }

    /// The index of what `reference` names, if it is there and may be referred to.
    mutating func resolve(
        _ reference: Reference, _ kind: Kind, in resource: Metadata
    ) -> Int? {
        report.resolve(reference, kind, in: resource, catalog)
    }
}

extension Report {
    /// The index of what `reference` of `resource` names, if it is there and may be referred to;
    /// nil otherwise, with the reason noted.
    mutating func resolve(
        _ reference: Reference, _ kind: Kind, in resource: Metadata, _ catalog: Catalog
    ) -> Int? {
        let name = reference.target(from: resource.id.namespace)
        guard let index = catalog.index(of: kind, name) else {
            dangling(reference, kind, name, in: resource, catalog)
            return nil
        }
        guard catalog.isGranted(name, kind, to: resource) else {
            error(
                reference.namespace?.place ?? reference.place, resource,
                "namespace \(quoted(name.namespace)) does not let a \(resource.kind.rawValue) of "
                    + "\(quoted(resource.id.namespace)) refer to its \(kind.rawValue) "
                    + quoted(name.name),
                "add a ReferenceGrant in namespace `\(name.namespace)`")
            return nil
        }
        return index
    }
}
