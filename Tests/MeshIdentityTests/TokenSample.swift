// SPDX-License-Identifier: Apache-2.0

import Crypto
import CryptoExtras
import Foundation
import MeshBasics

@testable import MeshIdentity

/// An issuer with keys of its own, made for a test.
struct TokenSample {
    let p256 = P256.Signing.PrivateKey()
    let ed25519 = Curve25519.Signing.PrivateKey()
    let rsa: _RSA.Signing.PrivateKey

    /// 2026-01-01T00:00:00Z.
    static let now = WallTime(nanoseconds: 1_767_225_600_000_000_000)
    /// The same in seconds.
    static let seconds = 1_767_225_600

    init() throws { rsa = try _RSA.Signing.PrivateKey(keySize: .bits2048) }

    static let policy = TokenPolicy(
        issuer: "https://issuer.test", audiences: ["mesh"],
        algorithms: [.rs256, .ps256, .es256, .edDSA])

    /// The claims of a sound token, changed by `change`.
    static func claims(_ change: [String: Any?] = [:]) -> [String: Any] {
        var claims: [String: Any] = [
            "iss": "https://issuer.test", "aud": "mesh", "sub": "alice", "exp": seconds + 300,
        ]
        for (name, value) in change { claims[name] = value }
        return claims
    }

    /// The set that the issuer publishes.
    func set() throws -> KeySet {
        let bytes = try Vectors.bytes(["keys": [curveKey(), rsaKey(), edwardsKey()]])
        return try KeySet(bytes.span.bytes)
    }

    func curveKey(_ id: String = "ec") -> [String: Any] {
        let point = Array(p256.publicKey.x963Representation)
        return [
            "kty": "EC", "crv": "P-256", "kid": id, "alg": "ES256",
            "x": Self.encode(Array(point[1..<33])), "y": Self.encode(Array(point[33...])),
        ]
    }

    func rsaKey(_ id: String = "rsa") throws -> [String: Any] {
        let numbers = try rsa.publicKey.getKeyPrimitives()
        return [
            "kty": "RSA", "kid": id, "n": Self.encode(Array(numbers.modulus)),
            "e": Self.encode(Array(numbers.publicExponent)),
        ]
    }

    func edwardsKey() -> [String: Any] {
        [
            "kty": "OKP", "crv": "Ed25519", "kid": "ed",
            "x": Self.encode(Array(ed25519.publicKey.rawRepresentation)),
        ]
    }

    /// A token of `claims` with `head` (`alg` and `kid` of the curve's key where it says nothing).
    func token(
        _ claims: [String: Any] = TokenSample.claims(), _ head: [String: Any] = [:]
    ) throws -> String {
        let whole = ["alg": "ES256", "kid": "ec"].merging(head) { $1 }
        return try token(text: Vectors.bytes(claims), head: Vectors.bytes(whole))
    }

    /// A token of exactly these bytes, signed as its head says.
    func token(text: [UInt8], head: [UInt8]) throws -> String {
        let signed = Self.encode(head) + "." + Self.encode(text)
        let json = try JSONSerialization.jsonObject(with: Data(head)) as? [String: Any]
        return try signed + "." + Self.encode(signature(of: signed, json?["alg"] as? String))
    }

    private func signature(of text: String, _ algorithm: String?) throws -> [UInt8] {
        let message = Array(text.utf8)
        switch algorithm {
        case "ES256": return Array(try p256.signature(for: message).rawRepresentation)
        case "EdDSA", "Ed25519": return Array(try ed25519.signature(for: message))
        case "RS256":
            return Array(
                try rsa.signature(for: SHA256.hash(data: message), padding: .insecurePKCS1v1_5)
                    .rawRepresentation)
        case "PS256":
            return Array(
                try rsa.signature(for: SHA256.hash(data: message), padding: .PSS)
                    .rawRepresentation)
        case "HS256":
            // The public key taken for a secret, as a confused verifier would.
            let secret = SymmetricKey(data: Data(rsa.publicKey.pemRepresentation.utf8))
            return Array(HMAC<SHA256>.authenticationCode(for: message, using: secret))
        default: return []
        }
    }

    static func encode(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
    }

    /// What `policy` and `keys` say of `token`: nil when it is sound.
    static func fault(
        of token: String, _ keys: KeySet, policy: TokenPolicy = TokenSample.policy,
        at wall: WallTime = TokenSample.now
    ) -> TokenFault? {
        let bytes = Array(token.utf8)
        do throws(TokenFault) {
            let read = try CompactToken(bytes.span.bytes)
            _ = try policy.check(read, at: wall)
            switch keys.key(called: read.signed.keyID, for: read.signed.algorithm) {
            case .found(let key): return read.signed.isSigned(with: key) ? nil : .badSignature
            case .unknown: return .unknownKey
            case .ambiguous: return .ambiguousKey
            }
        } catch {
            return error
        }
    }
}
