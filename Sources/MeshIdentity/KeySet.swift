// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// The public keys of one issuer, as it publishes them (JWKS).
///
/// Keys that are not for signatures, or not sound, are left out with a reason; keys with a shared
/// secret are never read. A key that stands there with its private half is left out as well: a
/// secret that was published is none.
///
/// **Source** RFC 7517; RFC 7518 section 6; RFC 8037 section 2.
package struct KeySet: Sendable {
    /// The usable keys, in the order of the document.
    package let keys: [VerificationKey]
    /// What was left out and why, without any value of a key.
    package let omissions: [String]

    /// A set of no keys.
    package init() {
        keys = []
        omissions = []
    }

    /// Why a document is no set of keys.
    package struct Fault: Error, Hashable, Sendable {
        /// What is wrong with it.
        package let message: String
    }

    /// Which key a token is signed with.
    package enum Search: Sendable {
        /// This one.
        case found(VerificationKey)
        /// None of that name, or none at all.
        case unknown
        /// Several that could be meant.
        case ambiguous
    }

    /// The keys of the document `bytes`.
    ///
    /// **Errors** when it is no JSON, has no list `keys`, or is larger than the bounds. A set
    /// without a usable key is one all the same.
    package init(_ bytes: RawSpan) throws(Fault) {
        let tree: JSONTree
        do {
            tree = try JSONTree.read(bytes, bytesMax: Limits.keySetBytesMax)
        } catch {
            throw Fault(message: "\(error.message) (at byte \(error.offset))")
        }
        guard let written = tree["keys"]?.elements else {
            throw Fault(message: "it has no list `keys`")
        }
        guard written.count <= Limits.keySetKeysMax else {
            throw Fault(
                message: "it has \(written.count) keys, more than \(Limits.keySetKeysMax)")
        }
        var keys: [VerificationKey] = []
        var omissions: [String] = []
        for (index, key) in written.enumerated() {
            switch JSONWebKey.read(key) {
            case .success(let key): keys.append(key)
            case .failure(let reason):
                omissions.append("key \(index + 1) is not used: \(reason.message)")
            }
        }
        self.keys = keys
        self.omissions = omissions
    }

    /// The key called `id` that serves `algorithm`. A token without a name finds a key only when
    /// there is but one that could be meant.
    package func key(called id: String?, for algorithm: SignatureAlgorithm) -> Search {
        let fitting = keys.filter { key in
            guard key.serves(algorithm) else { return false }
            guard let id else { return true }
            return key.id.map { $0.utf8.elementsEqual(id.utf8) } ?? false
        }
        if fitting.count > 1 { return .ambiguous }
        return fitting.first.map { .found($0) } ?? .unknown
    }
}
