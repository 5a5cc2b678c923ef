// SPDX-License-Identifier: Apache-2.0

/// A `Gateway`: addresses and listeners.
package struct GatewayResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// The addresses to bind; empty for the default.
    package var addresses: [Located<String>]
    /// The listeners, as written.
    package var listeners: [Listener]

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
