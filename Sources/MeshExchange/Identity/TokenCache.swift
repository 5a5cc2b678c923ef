// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshIdentity

/// Remembers what was found out about tokens, so that the same token costs a look-up and not a
/// signature.
///
/// A token is known by the SHA-256 of all of it and never by a part, and what was found out holds
/// for one version of its issuer's keys and of what is asked of it. The oldest entry goes first.
struct TokenCache: Sendable {
    /// What an entry is about.
    struct Key: Hashable, Sendable {
        /// The token.
        var digest: Digest
        /// The version of the keys that judged it.
        var generation: UInt64
        /// What was asked of it.
        var fingerprint: UInt64
    }

    /// What was found out.
    enum Finding: Sendable {
        /// Whose token it is.
        case caller(Caller)
        /// Why it is nobody's.
        case fault(TokenFault)
    }

    private struct Entry: Sendable {
        var finding: Finding
        /// From then on it is forgotten.
        var expires: WallTime
    }

    private var entries: [Key: Entry] = [:]
    private var order: BoundedQueue<Key>

    init(capacity: Int = Limits.tokens) { order = BoundedQueue(capacity: capacity) }

    /// What is known of `key`, or nil.
    func finding(_ key: Key, at wall: WallTime) -> Finding? {
        guard let entry = entries[key], wall < entry.expires else { return nil }
        return entry.finding
    }

    /// Remembers `finding` until `expires`.
    mutating func keep(_ finding: Finding, as key: Key, until expires: WallTime) {
        let entry = Entry(finding: finding, expires: expires)
        if entries.updateValue(entry, forKey: key) != nil { return }
        if order.count == order.capacity, let oldest = order.popFirst() {
            entries[oldest] = nil
        }
        _ = order.append(key)
    }

    /// Count of entries.
    var count: Int { entries.count }
}
