// SPDX-License-Identifier: Apache-2.0

/// A name within a namespace.
package struct ResourceName: Hashable, Sendable, Comparable {
    /// The namespace.
    package var namespace: String
    /// The name.
    package var name: String

    /// `name` in `namespace`.
    package init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    /// `namespace/name`.
    package var text: String { "\(namespace)/\(name)" }

    package static func < (a: ResourceName, b: ResourceName) -> Bool {
        (a.namespace, a.name) < (b.namespace, b.name)
    }
}

/// What every resource has: a kind, a name, a place.
package struct Metadata: Hashable, Sendable {
    /// The kind.
    package var kind: Kind
    /// The namespace and name.
    package var id: ResourceName
    /// Labels, sorted by key.
    package var labels: [Label]
    /// When it was created, in seconds since the Unix epoch; 0 for unknown.
    package var created: Int64
    /// Where its name is written.
    package var place: Place
    /// Whether nothing in it was found wrong; else what seems to be missing may only have been
    /// misspelt, and later stages do not complain about it again.
    package var isSound: Bool

    /// A name with text.
    package struct Label: Hashable, Sendable {
        /// The name.
        package var key: String
        /// The text.
        package var value: String

        /// The label `key` with `value`.
        package init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    /// What messages call the resource: `HTTPRoute/chat`, with the namespace in between unless
    /// it is the default one.
    package var label: String { Self.label(kind: kind.rawValue, id: id) }

    /// See `label`.
    static func label(kind: String, id: ResourceName) -> String {
        id.namespace == Self.defaultNamespace
            ? "\(kind)/\(id.name)" : "\(kind)/\(id.namespace)/\(id.name)"
    }

    /// The namespace of a resource that names none.
    static let defaultNamespace = "default"

    /// The metadata of the resource at `root`.
    init(kind: Kind, root: Cursor, isSound: Bool) {
        let metadata = root["metadata"]
        let name = metadata?.text("name")
        self.kind = kind
        self.id = ResourceName(
            namespace: metadata?.text("namespace")?.value ?? Self.defaultNamespace,
            name: name?.value ?? "")
        self.labels = metadata?.labels("labels") ?? []
        self.created =
            metadata?.text("creationTimestamp").flatMap { Notation.timestamp($0.value) } ?? 0
        self.place = name?.place ?? root.place
        self.isSound = isSound
    }
}

/// A reference to a resource, as written: what is absent is nil.
package struct Reference: Hashable, Sendable {
    /// The API group.
    package var group: Located<String>?
    /// The kind.
    package var kind: Located<String>?
    /// The namespace.
    package var namespace: Located<String>?
    /// The name.
    package var name: Located<String>
    /// The port.
    package var port: Located<UInt16>?
    /// Where the whole reference is written.
    package var place: Place

    /// The reference at `cursor`, or nil when it has no name.
    init?(_ cursor: Cursor?) {
        guard let cursor, let name = cursor.text("name") else { return nil }
        group = cursor.text("group")
        kind = cursor.text("kind")
        namespace = cursor.text("namespace")
        self.name = name
        port = cursor.port("port")
        place = cursor.place
    }

    /// What it refers to, seen from a resource of `namespace`.
    package func target(from namespace: String) -> ResourceName {
        ResourceName(namespace: self.namespace?.value ?? namespace, name: name.value)
    }
}

/// A reference to a parent: a Gateway, perhaps one of its listeners.
package struct ParentReference: Hashable, Sendable {
    /// The Gateway.
    package var gateway: Reference
    /// One listener of it, or nil for every one.
    package var sectionName: Located<String>?

    init?(_ cursor: Cursor) {
        guard let gateway = Reference(cursor) else { return nil }
        self.gateway = gateway
        sectionName = cursor.text("sectionName")
    }
}
