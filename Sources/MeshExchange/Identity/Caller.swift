// SPDX-License-Identifier: Apache-2.0

import MeshPolicy
package import MeshWire

/// Who a caller was verified to be: what rules may speak about, and nothing that could be used in
/// its place.
///
/// An object, made once for each credential and kept as long as that is remembered: a request
/// whose credential is known costs one reference count.
package final class Caller: Sendable {
    /// Whom its provider knows it by: the `sub` of its token, the owner of its key. Nil when a
    /// token does not say.
    package let subject: String?
    /// The API key, when it was one.
    package let key: Key?
    /// The claims of its token, an object of JSON; nil when it had none.
    package let claims: JSONTree?
    /// The same as values of the language, in the same order.
    let values: [Value]
    /// The scopes of the key as a value of the language.
    let scopes: Value

    /// What is told of an API key.
    package struct Key: Sendable, Hashable, Codable {
        /// Its id.
        package var id: String
        /// Its owner.
        package var owner: String
        /// What it may be used for.
        package var scopes: [String]
    }

    /// The bearer of a token that says `claims`.
    package init(subject: String?, claims: JSONTree) {
        self.subject = subject
        self.claims = claims
        key = nil
        values = (claims.members ?? []).map { Value($0.value) }
        scopes = .list([])
    }

    /// The bearer of an API key.
    package init(_ key: Key) {
        subject = key.owner
        self.key = key
        claims = nil
        values = []
        scopes = .list(key.scopes.map { .string($0) })
    }

    /// The workload called `name`, by its certificate.
    package init(workload name: String) {
        subject = name
        key = nil
        claims = nil
        values = []
        scopes = .list([])
    }

    /// The claim called `name`, or nil.
    func claim(_ name: String) -> Value? {
        let members = claims?.members ?? []
        let wanted = name.utf8
        guard let index = members.firstIndex(where: { $0.name.utf8.elementsEqual(wanted) }) else {
            return nil
        }
        return values[index]
    }

    /// All claims as one map; nil without a token.
    var allClaims: MapValue? {
        guard let members = claims?.members else { return nil }
        return try? MapValue(keys: members.map { .string($0.name) }, values: values)
    }
}
