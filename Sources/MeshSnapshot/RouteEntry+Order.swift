// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension RouteEntry {
    /// Whether this entry is looked at before `other`: the precedence of the Gateway API.
    ///
    /// A more specific hostname first (exact, then wildcards, longer before shorter, then none);
    /// then an exact path, then patterns, then the longest prefix; then a method; then the most
    /// headers; then the most query parameters; then what an operator wrote; then the oldest
    /// route, the route's name, the rule's and the match's place.
    ///
    /// Hostnames and paths that are equally specific but differ can never match the same request,
    /// so ordering them by their bytes decides nothing; it only makes entries with the same
    /// hostname and path neighbours. Patterns may overlap and are not ordered by their text.
    ///
    /// **Source** Gateway API v1, `HTTPRouteRule.matches` and `HTTPRouteSpec.hostnames`. The
    /// place of regular expressions is left to implementations there.
    package func precedes(_ other: RouteEntry) -> Bool {
        Self.compare(hostname, other.hostname)
            ?? path.compare(other.path)
            ?? Self.first(method != nil, other.method != nil)
            ?? Self.larger(headers.count, other.headers.count)
            ?? Self.larger(query.count, other.query.count)
            ?? order.precedes(other.order)
    }

    /// Whether both speak of the same hostname and path, neither of which is a pattern.
    func isNeighbour(of other: RouteEntry) -> Bool {
        if case .pattern = path { return false }
        return hostname == other.hostname && path == other.path
    }

    /// The entry in the one form that tables hold.
    var normalized: RouteEntry {
        var entry = self
        if let hostname {
            entry.hostname = Hostname(
                labels: hostname.labels.map(ASCII.lowercased), isWildcard: hostname.isWildcard)
        }
        if case .prefix(var prefix) = path {
            while prefix.count > 1, prefix.last == UInt8(ascii: "/") { prefix.removeLast() }
            if prefix.isEmpty { prefix = [UInt8(ascii: "/")] }
            entry.path = .prefix(prefix)
        }
        entry.headers = Self.firstOfEachName(
            headers.map { FieldMatch(name: $0.name.map(ASCII.lowercased), value: $0.value) })
        entry.query = Self.firstOfEachName(query)
        return entry
    }

    private static func firstOfEachName(_ fields: [FieldMatch]) -> [FieldMatch] {
        var kept: [FieldMatch] = []
        for field in fields where !kept.contains(where: { $0.name == field.name }) {
            kept.append(field)
        }
        return kept
    }

    private static func compare(_ a: Hostname?, _ b: Hostname?) -> Bool? {
        guard let a, let b else { return first(a != nil, b != nil) }
        return first(!a.isWildcard, !b.isWildcard)
            ?? larger(a.labels.count, b.labels.count)
            ?? smaller(a.labels, b.labels)
    }

    /// Whether what has the property comes first; nil when both or neither have it.
    static func first(_ a: Bool, _ b: Bool) -> Bool? { a == b ? nil : a }
    /// Whether the larger number comes first; nil when they are equal.
    static func larger(_ a: Int, _ b: Int) -> Bool? { a == b ? nil : a > b }
    /// Whether the lesser bytes come first; nil when they are equal.
    static func smaller(_ a: [UInt8], _ b: [UInt8]) -> Bool? {
        a == b ? nil : a.lexicographicallyPrecedes(b)
    }
}

extension PathMatch {
    fileprivate var rank: Int {
        switch self {
        case .exact: 0
        case .pattern: 1
        case .prefix: 2
        }
    }

    fileprivate func compare(_ other: PathMatch) -> Bool? {
        switch (self, other) {
        case (.exact(let a), .exact(let b)), (.prefix(let a), .prefix(let b)):
            RouteEntry.larger(a.count, b.count) ?? RouteEntry.smaller(a, b)
        case (.exact, _), (.prefix, _), (.pattern, _):
            rank == other.rank ? nil : rank < other.rank
        }
    }
}

extension RouteOrder {
    fileprivate func precedes(_ other: RouteOrder) -> Bool {
        if implicit != other.implicit { return !implicit }
        if created != other.created {
            if created == 0 || other.created == 0 { return other.created == 0 }
            return created < other.created
        }
        if !route.utf8.elementsEqual(other.route.utf8) {
            return route.utf8.lexicographicallyPrecedes(other.route.utf8)
        }
        return (rule, match) < (other.rule, other.match)
    }
}
