// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshIdentity

/// What an IdentityProvider needs to judge credentials, and what changes while snapshots stay:
/// the public keys of an issuer, or the hashes of API keys.
package enum IdentityMaterial: Sendable {
    /// Public keys, and when they are too old to be believed.
    case keys(KeySet, usableUntil: Instant)
    /// API keys, and for each of them who bears it.
    case apiKeys(APIKeySet, callers: [String: Caller])

    /// The material of a file of API keys.
    package init(_ set: APIKeySet) {
        var callers: [String: Caller] = [:]
        for key in set.keys {
            callers[key.id] = Caller(
                Caller.Key(id: key.id, owner: key.owner, scopes: key.scopes))
        }
        self = .apiKeys(set, callers: callers)
    }
}
