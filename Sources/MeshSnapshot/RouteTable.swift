// SPDX-License-Identifier: Apache-2.0

/// The routes of one listener, indexed so that the time to find a request's rule does not grow
/// with their number.
///
/// ```
///  host ──> exact hosts ─┐
///       ──> wildcards ───┼─> group ──> exact paths ─┐
///       ──> any host ────┘         ──> patterns ────┼─> run of candidates ──> rule
///                                  ──> prefixes ────┘
/// ```
///
/// Groups are tried from the most specific hostname to the least, and within a group the paths
/// in the order above. Candidates of a run have the same hostname and path and differ in method,
/// headers and query parameters only; they are looked at one by one, and so are the patterns of
/// a hostname. The search itself is `RouteTable.rule(…)` in MeshRouting.
///
/// Invariant: equal entries give an equal table, in whatever order they came.
package struct RouteTable: Sendable {
    /// Every entry, the one with the highest precedence first.
    package let entries: [RouteEntry]
    /// What the search looks at.
    package let index: RouteIndex

    /// A table of `entries`, in any order. Entries are brought into one form first: a prefix
    /// loses its trailing slash, names of hosts and header fields become lower case, and of
    /// several matches on one field name the first stays (as the Gateway API asks for).
    ///
    /// **Complexity** O(n log n).
    package init(entries: [RouteEntry]) {
        let sorted = entries.map(\.normalized).sorted { $0.precedes($1) }
        self.entries = sorted
        self.index = RouteIndex(sorted: sorted)
    }

    /// The table without routes.
    package static let empty = RouteTable(entries: [])
}

extension RouteTable: Hashable {
    /// Whether both hold the same entries; the index follows from them.
    package static func == (a: RouteTable, b: RouteTable) -> Bool { a.entries == b.entries }

    package func hash(into hasher: inout Hasher) { hasher.combine(entries) }
}
