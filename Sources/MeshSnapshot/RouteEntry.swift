// SPDX-License-Identifier: Apache-2.0

package import MeshWire

/// One match of one rule of a route: what a request must look like for the rule to apply.
///
/// A rule with three matches is three entries with the same `rule`.
package struct RouteEntry: Sendable, Hashable {
    /// The hostname that the request must be for, or nil for any.
    package var hostname: Hostname?
    /// What the path must look like.
    package var path: PathMatch
    /// The method it must have, case-sensitive, or nil for any.
    package var method: [UInt8]?
    /// The header fields it must have; all of them.
    package var headers: [FieldMatch]
    /// The query parameters it must have; all of them.
    package var query: [FieldMatch]
    /// What then applies.
    package var rule: RuleID
    /// Where the entry comes from; decides between matches that are equally specific.
    package var order: RouteOrder

    /// An entry of the given parts.
    package init(
        hostname: Hostname? = nil, path: PathMatch = .prefix([UInt8(ascii: "/")]),
        method: [UInt8]? = nil, headers: [FieldMatch] = [], query: [FieldMatch] = [],
        rule: RuleID, order: RouteOrder
    ) {
        self.hostname = hostname
        self.path = path
        self.method = method
        self.headers = headers
        self.query = query
        self.rule = rule
        self.order = order
    }
}

/// What the path of a request must look like. Compared with the canonical path, without query.
package enum PathMatch: Sendable, Hashable {
    /// These bytes and no others.
    case exact([UInt8])
    /// These path segments and any behind them: `/foo` matches `/foo`, `/foo/` and `/foo/bar`,
    /// but not `/foobar`. A slash at the end says nothing.
    case prefix([UInt8])
    /// A pattern that the whole path matches.
    case pattern(LinearPattern)
}

/// What a header field or query parameter must look like.
package struct FieldMatch: Sendable, Hashable {
    /// The name: of a header in lower case, of a query parameter after percent-decoding.
    package var name: [UInt8]
    /// What its value must be.
    package var value: Value

    /// What a value must be.
    package enum Value: Sendable, Hashable {
        /// These bytes and no others.
        case exact([UInt8])
        /// A pattern that the whole value matches.
        case pattern(LinearPattern)
    }

    /// The field `name` with `value`.
    package init(name: [UInt8], value: Value) {
        self.name = name
        self.value = value
    }
}

/// Where an entry comes from.
package struct RouteOrder: Sendable, Hashable {
    /// Whether the compiler added it; an operator's entry with an equal match wins.
    package var implicit: Bool
    /// When the route was created, in seconds since the Unix epoch; 0 for unknown, which counts
    /// as later than any known time.
    package var created: Int64
    /// `namespace/name` of the route.
    package var route: String
    /// Which rule of the route, from 0.
    package var rule: Int
    /// Which match of the rule, from 0.
    package var match: Int

    /// An origin of the given parts.
    package init(
        implicit: Bool = false, created: Int64 = 0, route: String, rule: Int = 0, match: Int = 0
    ) {
        self.implicit = implicit
        self.created = created
        self.route = route
        self.rule = rule
        self.match = match
    }
}
