// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// A signed message in its compact form, taken apart and not yet believed.
///
/// ```
///  head . payload . signature
///  └── what was signed ─┘
/// ```
///
/// Only the compact form is read, so a token is one line of a header field and nothing else can be
/// hidden in it. What its head says about keys is never followed: `kid` is a name to look up in
/// the set of the issuer, and a head that brings a key or says where to fetch one is refused.
///
/// **Source** RFC 7515 sections 3.1, 4.1 and 7.1; RFC 8725 section 3.
package struct SignedMessage: Sendable {
    /// What it says it is signed with.
    package let algorithm: SignatureAlgorithm
    /// The name of the key, or nil.
    package let keyID: String?
    /// What it says it is, in lower case and without `application/`, or nil.
    package let type: String?
    /// What was said.
    package let payload: [UInt8]
    /// The bytes that were signed.
    package let message: [UInt8]
    /// The signature.
    package let signature: [UInt8]

    /// Takes `bytes` apart.
    package init(_ bytes: RawSpan) throws(TokenFault) {
        guard bytes.byteCount <= Limits.tokenBytesMax else { throw .tooLarge }
        guard let first = bytes.firstIndex(of: UInt8(ascii: ".")),
            let second = bytes.firstIndex(of: UInt8(ascii: "."), from: first + 1),
            bytes.firstIndex(of: UInt8(ascii: "."), from: second + 1) == nil,
            let head = Self.object(Base64URL.decode(bytes.extracting(0..<first)))
        else { throw .malformed }
        algorithm = try Self.algorithm(head)
        try Self.checkHead(head)
        keyID = try Self.keyID(head)
        type = try Self.type(head)
        guard let payload = Base64URL.decode(bytes.extracting((first + 1)..<second)),
            let signature = Base64URL.decode(bytes.extracting((second + 1)..<bytes.byteCount))
        else { throw .malformed }
        self.payload = payload
        self.signature = signature
        message = bytes.extracting(0..<second).array
    }

    /// Whether it was signed with `key`.
    package func isSigned(with key: VerificationKey) -> Bool {
        key.verifies(signature, of: message, by: algorithm)
    }

    /// The object of JSON that `bytes` hold, or nil.
    static func object(_ bytes: [UInt8]?) -> JSONTree? {
        guard let bytes,
            let tree = try? JSONTree.read(
                unsafe bytes.span.bytes, bytesMax: Limits.tokenBytesMax),
            tree.members != nil
        else { return nil }
        return tree
    }

    private static func algorithm(_ head: JSONTree) throws(TokenFault) -> SignatureAlgorithm {
        guard let name = head["alg"]?.text else { throw .malformed }
        guard let found = SignatureAlgorithm(name: name) else { throw .algorithmNotAllowed }
        return found
    }

    /// RFC 7515 section 4.1.11: what is critical and not understood makes a token invalid, and we
    /// understand no extension. `b64` (RFC 7797) changes what is signed.
    private static func checkHead(_ head: JSONTree) throws(TokenFault) {
        let refused = ["crit", "b64", "jku", "jwk", "x5u", "x5c", "zip", "enc"]
        for name in refused where head[name] != nil { throw .unsupportedHeader }
        // A nested token says so here; a plain one may say that it holds JSON.
        if let content = head["cty"], content.text?.lowercased() != "json" {
            throw .unsupportedHeader
        }
    }

    private static func keyID(_ head: JSONTree) throws(TokenFault) -> String? {
        guard let id = head["kid"] else { return nil }
        guard let text = id.text, text.utf8.count <= Limits.keyNameBytesMax else {
            throw .malformed
        }
        return text
    }

    private static func type(_ head: JSONTree) throws(TokenFault) -> String? {
        guard let type = head["typ"] else { return nil }
        guard let text = type.text?.lowercased() else { throw .malformed }
        return text.hasPrefix("application/") ? String(text.dropFirst(12)) : text
    }
}
