// SPDX-License-Identifier: Apache-2.0

/// A `Gateway`: addresses and listeners.
package struct GatewayResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// The addresses to bind; empty for the default.
    package var addresses: [Located<String>]
    /// The listeners, as written.
    package var listeners: [Listener]

    /// What callers must show at HTTPS listeners.
    package var validation: Validation

    /// What callers must show at HTTPS listeners.
    package struct Validation: Hashable, Sendable {
        /// On every port that has nothing of its own; nil for nothing.
        package var fallback: Callers?
        /// On single ports.
        package var ports: [AtPort]

        /// What holds at one port.
        package struct AtPort: Hashable, Sendable {
            /// The port.
            package var port: Located<UInt16>
            /// What callers must show there; nil for nothing.
            package var callers: Callers?
        }

        init(_ cursor: Cursor?) {
            fallback = Callers(cursor?["default"]?["validation"])
            ports = (cursor?.elements("perPort") ?? []).compactMap { entry in
                entry.port("port").map { port in
                    AtPort(port: port, callers: Callers(entry["tls"]?["validation"]))
                }
            }
        }
    }

    /// How callers are validated.
    package struct Callers: Hashable, Sendable {
        /// Who vouches for them.
        package var authorities: [Reference]
        /// Whether those without a certificate are let in.
        package var isOptional: Bool

        init?(_ cursor: Cursor?) {
            guard let cursor else { return nil }
            authorities = cursor.elements("caCertificateRefs").compactMap { Reference($0) }
            isOptional = cursor.text("mode")?.value == "AllowInsecureFallback"
        }
    }

    /// How a listener ends TLS.
    package struct Termination: Hashable, Sendable {
        /// The certificates it shows.
        package var certificates: [Reference]
        /// Options, by name.
        package var options: Located<[Metadata.Label]>?

        init(_ cursor: Cursor) {
            certificates = cursor.elements("certificateRefs").compactMap { Reference($0) }
            options = cursor["options"].map { Located(cursor.labels("options"), at: $0.place) }
        }
    }

    /// One listener.
    package struct Listener: Hashable, Sendable {
        /// Its name.
        package var name: Located<String>
        /// The hostname it serves, or nil for every one.
        package var hostname: Located<String>?
        /// The port to bind.
        package var port: Located<UInt16>
        /// What is spoken there, as written.
        package var speech: Located<String>?
        /// How it ends TLS, or nil when nothing is written of that.
        package var tls: Located<Termination>?
        /// From which namespaces routes may attach.
        package var namespaces: Namespaces
        /// The kinds of routes that may attach; empty for every one.
        package var kinds: [Kind]

        /// From which namespaces routes may attach.
        package enum Namespaces: String, Hashable, Sendable {
            /// The Gateway's own.
            case same = "Same"
            /// Every one.
            case all = "All"
            /// None.
            case none = "None"
        }

        init?(_ cursor: Cursor) {
            guard let name = cursor.text("name"), let port = cursor.port("port") else {
                return nil
            }
            self.name = name
            self.port = port
            hostname = cursor.text("hostname")
            speech = cursor.text("protocol")
            tls = cursor["tls"].map { Located(Termination($0), at: $0.place) }
            let allowed = cursor["allowedRoutes"]
            let from = allowed?["namespaces"]?.text("from")?.value
            namespaces = from.flatMap { Namespaces(rawValue: $0) } ?? .same
            kinds = (allowed?.elements("kinds") ?? []).compactMap { kind in
                kind.text("kind").flatMap { Kind(rawValue: $0.value) }
            }
        }
    }

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        addresses = (spec?.elements("addresses") ?? []).compactMap { $0.text("value") }
        listeners = (spec?.elements("listeners") ?? []).compactMap { Listener($0) }
        validation = Validation(spec?["tls"]?["frontend"])
    }
}

/// A `ReferenceGrant`: permission for references from other namespaces into its own.
package struct ReferenceGrantResource: Hashable, Sendable {
    /// Name and place; its namespace is the one that is referred into.
    package var metadata: Metadata
    /// Who may refer.
    package var from: [Source]
    /// To what.
    package var to: [Target]

    /// Resources of a kind in a namespace.
    package struct Source: Hashable, Sendable {
        /// The API group.
        package var group: String
        /// The kind.
        package var kind: String
        /// The namespace.
        package var namespace: String
    }

    /// Resources of a kind, or one of them.
    package struct Target: Hashable, Sendable {
        /// The API group.
        package var group: String
        /// The kind.
        package var kind: String
        /// The name, or nil for all of the kind.
        package var name: String?
    }

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        from = (spec?.elements("from") ?? []).compactMap { cursor in
            guard let kind = cursor.text("kind"), let namespace = cursor.text("namespace") else {
                return nil
            }
            return Source(
                group: cursor.text("group")?.value ?? "", kind: kind.value,
                namespace: namespace.value)
        }
        to = (spec?.elements("to") ?? []).compactMap { cursor in
            guard let kind = cursor.text("kind") else { return nil }
            return Target(
                group: cursor.text("group")?.value ?? "", kind: kind.value,
                name: cursor.text("name")?.value)
        }
    }
}
