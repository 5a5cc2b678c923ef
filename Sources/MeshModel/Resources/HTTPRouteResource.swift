// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// An `HTTPRoute`: which requests go where.
package struct HTTPRouteResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// What it attaches to.
    package var parents: [ParentReference]
    /// The hostnames it serves; empty for all of the listener.
    package var hostnames: [Located<String>]
    /// Its rules; the one that stands for none when none was written.
    package var rules: [RouteRule]

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        parents = (spec?.elements("parentRefs") ?? []).compactMap { ParentReference($0) }
        hostnames = spec?.texts("hostnames") ?? []
        if let rules = spec?["rules"] {
            self.rules = rules.elements.map { RouteRule($0) }
        } else {
            self.rules = spec.map { [RouteRule(Cursor.empty(like: $0, field: "spec.rules"))] } ?? []
        }
    }
}

extension Cursor {
    /// An object without fields, placed where `other` is.
    static func empty(like other: Cursor, field: String) -> Cursor {
        let tree = YAMLTree(line: other.tree.line, column: other.tree.column, content: .map([]))
        return Cursor(tree: tree, file: other.file, field: field)
    }
}

/// One rule of a route.
package struct RouteRule: Hashable, Sendable {
    /// Where it is written.
    package var place: Place
    /// Its name.
    package var name: Located<String>?
    /// What requests must look like; the one for every path when none was written.
    package var matches: [RouteMatch]
    /// How requests and answers are changed.
    package var filters: [RouteFilter]
    /// Where requests go.
    package var backends: [WeightedReference]
    /// `timeouts.request`.
    package var requestTimeout: Located<Nanoseconds>?
    /// `timeouts.backendRequest`.
    package var backendRequestTimeout: Located<Nanoseconds>?
    /// `retry.codes`, or nil.
    package var retryCodes: [Int]?
    /// `retry.attempts`: how often it is tried again.
    package var retryAttempts: Int?
    /// `retry.backoff`.
    package var retryBackoff: Located<Nanoseconds>?

    init(_ cursor: Cursor) {
        place = cursor.place
        name = cursor.text("name")
        let matches = cursor.elements("matches").map { RouteMatch($0) }
        self.matches =
            matches.isEmpty
            ? [RouteMatch(Cursor.empty(like: cursor, field: cursor.field))] : matches
        filters = cursor.elements("filters").map { RouteFilter($0) }
        backends = cursor.elements("backendRefs").compactMap { WeightedReference($0) }
        requestTimeout = cursor["timeouts"]?.duration("request")
        backendRequestTimeout = cursor["timeouts"]?.duration("backendRequest")
        let retry = cursor["retry"]
        retryCodes = retry?["codes"].map { $0.elements.compactMap { $0.integer?.value } }
        retryAttempts = retry?.integer("attempts")?.value
        retryBackoff = retry?.duration("backoff")
    }
}

/// What a request must look like.
package struct RouteMatch: Hashable, Sendable {
    /// Where it is written.
    package var place: Place
    /// How the path is compared.
    package var pathType: PathType
    /// The path, prefix or pattern.
    package var path: Located<String>
    /// Headers it must all have.
    package var headers: [Field]
    /// Query parameters it must all have.
    package var query: [Field]
    /// The method it must have.
    package var method: String?

    /// How a path is compared.
    package enum PathType: String, Hashable, Sendable {
        /// Equal.
        case exact = "Exact"
        /// Begins with these segments.
        case prefix = "PathPrefix"
        /// Matches a pattern.
        case pattern = "RegularExpression"
    }

    /// A header or query parameter.
    package struct Field: Hashable, Sendable {
        /// Its name.
        package var name: Located<String>
        /// Its value, or a pattern of it.
        package var value: Located<String>
        /// Whether `value` is a pattern.
        package var isPattern: Bool

        init?(_ cursor: Cursor) {
            guard let name = cursor.text("name"), let value = cursor.text("value") else {
                return nil
            }
            self.name = name
            self.value = value
            isPattern = cursor.text("type")?.value == "RegularExpression"
        }
    }

    init(_ cursor: Cursor) {
        place = cursor.place
        let path = cursor["path"]
        pathType = path?.text("type").flatMap { PathType(rawValue: $0.value) } ?? .prefix
        self.path = path?.text("value") ?? Located("/", at: path?.place ?? cursor.place)
        headers = cursor.elements("headers").compactMap { Field($0) }
        query = cursor.elements("queryParams").compactMap { Field($0) }
        method = cursor.text("method")?.value
    }
}

/// A weighted reference to a `Backend` or a `Model`.
package struct WeightedReference: Hashable, Sendable {
    /// What it refers to.
    package var reference: Reference
    /// Its share.
    package var weight: Int
    /// Changes for this target only.
    package var filters: [RouteFilter]

    init?(_ cursor: Cursor) {
        guard let reference = Reference(cursor) else { return nil }
        self.reference = reference
        weight = cursor.integer("weight")?.value ?? 1
        filters = cursor.elements("filters").map { RouteFilter($0) }
    }
}
