// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// A fleet file: which endpoints of a configuration are what machines, for a simulation.
///
/// It is no resource of the mesh: it says nothing about what is wanted, only what is imagined.
package struct FleetDocument: Hashable, Sendable {
    /// What the fleet is called.
    package var name: String
    /// The file it stands in.
    package var file: String
    /// Which endpoints are what machines.
    package var servers: [Server]
    /// How many addresses stand for a DNS name.
    package var names: [Name]
    /// The way between callers, proxy and servers.
    package var network: Network

    /// Some endpoints of a backend.
    package struct Server: Hashable, Sendable {
        /// `name`, `namespace/name` or `*`.
        package var backend: Located<String>
        /// `address:port`, or nil for all that no other entry names.
        package var endpoint: Located<String>?
        /// The name of a profile.
        package var profile: Located<String>
        /// What differs from the profile.
        package var engine: [Override]
        /// What goes wrong.
        package var faults: [Fault]

        /// Whether it speaks of the backend called `name`, which is `namespace/name`.
        package func names(backend name: String) -> Bool {
            let written = backend.value
            return written == "*" || written == name
                || !written.contains("/") && name == "\(Metadata.defaultNamespace)/\(written)"
        }
    }

    /// One coefficient of a profile.
    package struct Override: Hashable, Sendable {
        /// The coefficient: `sequencesMax`.
        package var name: String
        /// Its value.
        package var value: Int
    }

    /// Something that goes wrong for a while.
    package struct Fault: Hashable, Sendable {
        /// What goes wrong.
        package var kind: Kind
        /// When it begins, from the start of the run.
        package var at: Nanoseconds
        /// How long it lasts; nil for ever.
        package var duration: Nanoseconds?
        /// How many in a thousand answers it strikes.
        package var permille: Int
        /// The status of `errors`.
        package var status: Int
        /// How late the answers of `slow` begin.
        package var delay: Nanoseconds

        /// What can go wrong.
        package enum Kind: String, Hashable, Sendable, CaseIterable {
            /// The server is gone, and comes back with an empty cache.
            case crash
            /// Connections are refused.
            case refuse
            /// Answers are an error status.
            case errors
            /// Answers begin late.
            case slow
            /// Streams stop and never go on.
            case stall
            /// Answers end in the middle, in order.
            case cut
            /// Answers end in the middle with a reset.
            case reset
        }
    }

    /// A DNS name.
    package struct Name: Hashable, Sendable {
        /// The name, lower case.
        package var hostname: Located<String>
        /// How many addresses it has.
        package var addresses: Int
    }

    /// The way between callers, proxy and servers.
    package struct Network: Hashable, Sendable {
        /// From a caller to the proxy.
        package var callers = Nanoseconds.milliseconds(1)
        /// From the proxy to a server.
        package var servers = Nanoseconds.microseconds(100)
        /// Up to this much is added to either.
        package var jitter = Nanoseconds.zero
        /// Segments in a thousand that are lost and sent again.
        package var lossPermille = 0

        /// One on which nothing goes wrong.
        package init() {}
    }
}

extension FleetDocument {
    /// The fleet that `source` describes, or nil, and everything that is wrong with it, sorted.
    package static func parse(
        _ source: SourceFile
    ) -> (fleet: FleetDocument?, diagnostics: [Diagnostic]) {
        var diagnostics: [Diagnostic] = []
        var trees: [YAMLTree] = []
        for document in YAMLDocument.split(source.text) {
            let outcome = YAMLReader.read(document)
            trees += outcome.trees
            for problem in outcome.problems {
                let place = Place(
                    file: source.path, line: problem.line, column: problem.column,
                    field: problem.field)
                diagnostics.append(
                    Diagnostic(
                        at: place, resource: FleetShape.kind, message: problem.message,
                        remedy: problem.remedy))
            }
        }
        if let tree = trees.first {
            var check = ShapeCheck(file: source.path, resource: FleetShape.kind)
            check.check(tree, against: FleetShape.document)
            diagnostics += check.diagnostics
        }
        if trees.count != 1, diagnostics.isEmpty {
            let second = trees.dropFirst().first
            diagnostics.append(
                Diagnostic(
                    at: Place(
                        file: source.path, line: second?.line ?? 1, column: second?.column ?? 1,
                        field: ""),
                    resource: FleetShape.kind,
                    message: "the file holds \(trees.count) documents",
                    remedy: "write one `kind: \(FleetShape.kind)` into a file of its own"))
        }
        guard diagnostics.isEmpty, let tree = trees.first else {
            return (nil, diagnostics.sorted())
        }
        return (FleetDocument(Cursor(tree: tree, file: source.path, field: "")), [])
    }

    private init?(_ root: Cursor) {
        guard let spec = root["spec"] else { return nil }
        name = root["metadata"]?.text("name")?.value ?? ""
        file = root.file
        servers = spec.elements("servers").compactMap { Server($0) }
        names = spec.elements("names").compactMap { cursor in
            guard let hostname = cursor.text("hostname") else { return nil }
            return Name(
                hostname: hostname, addresses: cursor.integer("addresses")?.value ?? 1)
        }
        network = Network()
        func set(_ field: WritableKeyPath<Network, Nanoseconds>, _ name: String) {
            guard let value = spec["network"]?.integer(name)?.value else { return }
            network[keyPath: field] = .microseconds(Int64(value))
        }
        set(\.callers, "callersMicroseconds")
        set(\.servers, "serversMicroseconds")
        set(\.jitter, "jitterMicroseconds")
        network.lossPermille = spec["network"]?.integer("lossPermille")?.value ?? 0
    }
}

extension FleetDocument.Server {
    init?(_ cursor: Cursor) {
        guard let backend = cursor.text("backend"), let profile = cursor.text("profile") else {
            return nil
        }
        self.backend = backend
        self.profile = profile
        endpoint = cursor.text("endpoint")
        engine = []
        if let engine = cursor["engine"], case .map(let entries) = engine.tree.content {
            for entry in entries {
                guard let value = engine.integer(entry.key)?.value else { continue }
                self.engine.append(.init(name: entry.key, value: value))
            }
        }
        faults = cursor.elements("faults").compactMap { FleetDocument.Fault($0) }
    }
}

extension FleetDocument.Fault {
    init?(_ cursor: Cursor) {
        guard let kind = cursor.text("kind").flatMap({ Kind(rawValue: $0.value) }) else {
            return nil
        }
        self.kind = kind
        at = cursor.duration("at")?.value ?? .zero
        duration = cursor.duration("for")?.value
        permille = cursor.integer("permille")?.value ?? 1000
        status = cursor.integer("status")?.value ?? 503
        delay = cursor.duration("by")?.value ?? .milliseconds(500)
    }
}
