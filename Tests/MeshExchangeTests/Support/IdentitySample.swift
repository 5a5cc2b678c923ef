// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import MeshBasics
import MeshExchange
import MeshIdentity
import MeshSnapshot

/// An issuer and some API keys, for tests of who a caller is.
struct IdentitySample {
    let key = P256.Signing.PrivateKey()
    let other = P256.Signing.PrivateKey()

    static let tokens = IdentityProvider(
        name: "default/corp", targets: ["Gateway/default/g"], isOptional: false, forwards: false,
        method: .tokens(
            TokenPolicy(
                issuer: "https://issuer.test", audiences: ["mesh"], algorithms: [.es256]),
            KeySource(place: .url("https://issuer.test/keys"))))

    static let apiKeys = IdentityProvider(
        name: "default/keys", targets: ["Gateway/default/g"], isOptional: false, forwards: false,
        method: .apiKeys(file: "keys.jsonl"))

    /// The provider with a change.
    static func changed(
        _ provider: IdentityProvider, name: String? = nil, isOptional: Bool = false,
        forwards: Bool = false
    ) -> IdentityProvider {
        IdentityProvider(
            name: name ?? provider.name, targets: provider.targets, isOptional: isOptional,
            forwards: forwards, method: provider.method)
    }

    /// A mesh that offers the model `small` behind `providers`.
    static func mesh(
        _ providers: IdentityProvider..., fallbacks: Int = 0
    ) -> SnapshotSample {
        var sample = SnapshotSample.model(fallbacks: fallbacks)
        sample.identity = providers
        for rule in sample.rules.indices {
            sample.rules[rule].identity = providers.indices.map { IdentityID($0) }
        }
        return sample
    }

    /// The keys that the issuer publishes: `k1`, and `k2` when it has been rotated.
    func keys(isRotated: Bool = false, until: Instant = .distantFuture) throws -> IdentityMaterial {
        var keys = [Self.published(key, "k1")]
        if isRotated { keys.append(Self.published(other, "k2")) }
        let text = Array(#"{"keys":[\#(keys.joined(separator: ","))]}"#.utf8)
        return .keys(try KeySet(text.span.bytes), usableUntil: until)
    }

    private static func published(_ key: P256.Signing.PrivateKey, _ id: String) -> String {
        let point = Array(key.publicKey.x963Representation)
        return #"{"kty":"EC","crv":"P-256","kid":"\#(id)","x":"\#(encode(point[1..<33]))","#
            + #""y":"\#(encode(point[33...]))"}"#
    }

    /// A token of the issuer that says `claims` (members of an object) beside the usual ones.
    func token(
        _ claims: String = "", kid: String = "k1", expires: Int = 7_200, subject: String = "alice"
    ) throws -> String {
        let head = #"{"alg":"ES256","kid":"\#(kid)"}"#
        let body =
            #"{"iss":"https://issuer.test","aud":"mesh","sub":"\#(subject)","exp":\#(expires)"#
            + (claims.isEmpty ? "}" : ",\(claims)}")
        let text = Self.encode(Array(head.utf8)[...]) + "." + Self.encode(Array(body.utf8)[...])
        let signer = kid == "k2" ? other : key
        let signature = Array(try signer.signature(for: Array(text.utf8)).rawRepresentation)
        return text + "." + Self.encode(signature[...])
    }

    static func encode(_ bytes: ArraySlice<UInt8>) -> String {
        Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
    }

    /// An API key of `owner` and its text.
    static func apiKey(
        _ owner: String, scopes: [String] = ["chat"], expires: Int64? = nil
    ) -> (key: APIKey, text: String) {
        let first = UInt8(truncatingIfNeeded: owner.utf8.reduce(1) { $0 &* 31 &+ Int($1) })
        let made = APIKey.make(
            owner: owner, scopes: scopes, created: 0, expires: expires,
            seed: (0..<APIKey.seedBytes).map { UInt8($0) &* 7 &+ first })
        return (made.key, made.text.reveal())
    }

    /// The material of `keys`.
    static func file(_ keys: APIKey...) throws -> IdentityMaterial {
        let lines = keys.map(\.line).joined(separator: [UInt8(ascii: "\n")])
        return IdentityMaterial(try APIKeySet(Array(lines)))
    }
}
