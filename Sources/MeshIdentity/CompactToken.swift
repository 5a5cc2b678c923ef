// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshWire

/// A signed token as it was sent: a signed message whose payload is a set of claims.
///
/// **Source** RFC 7519 sections 4 and 7.2.
package struct CompactToken: Sendable {
    /// How it is signed.
    package let signed: SignedMessage
    /// What it says of whom: an object of JSON.
    package let claims: JSONTree

    /// Takes `bytes` apart.
    package init(_ bytes: RawSpan) throws(TokenFault) {
        let signed = try SignedMessage(bytes)
        guard let claims = SignedMessage.object(signed.payload) else { throw .malformed }
        self.signed = signed
        self.claims = claims
    }

    /// The issuer that it names, or nil.
    package var issuer: String? { claims["iss"]?.text }
}
