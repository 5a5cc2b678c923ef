// SPDX-License-Identifier: Apache-2.0

import MeshModel
import MeshSnapshot

/// A match in a form that is equal for two matches that no request can tell apart.
struct MatchKey: Hashable {
    /// The hostname it holds for.
    var hostname: Hostname?
    /// The path, without the slash at the end of a prefix.
    var path: PathMatch
    /// The method.
    var method: [UInt8]?
    /// Headers, sorted by name.
    var headers: [FieldMatch]
    /// Query parameters, sorted by name.
    var query: [FieldMatch]
}

/// Who has a match.
struct MatchClaim {
    /// The index of the route in the catalog.
    var route: Int
    /// Where the match is written.
    var place: Place
}

/// A match, ready but for the hostname.
struct MatchDraft {
    /// Where it is written.
    var place: Place
    /// Which match of its rule.
    var index: Int
    /// Everything but the hostname.
    var key: MatchKey
}
