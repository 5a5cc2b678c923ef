// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import Testing

@testable import MeshIdentity

@Suite("tokens")
struct TokenTests {
    private let sample: TokenSample
    private let keys: KeySet

    /// Making an RSA key takes a while; one serves all.
    private static let made = Result { try TokenSample() }

    init() throws {
        sample = try Self.made.get()
        keys = try sample.set()
    }

    @Test(
        "a sound token of every kind of key is believed",
        arguments: [
            ("ES256", "ec"), ("RS256", "rsa"), ("PS256", "rsa"), ("EdDSA", "ed"),
            ("Ed25519", "ed"),
        ])
    func sound(_ algorithm: String, _ kid: String) throws {
        let token = try sample.token(TokenSample.claims(), ["alg": algorithm, "kid": kid])
        #expect(TokenSample.fault(of: token, keys) == nil)
        var broken = Array(token.utf8)
        let last = broken.count - 4
        broken[last] = broken[last] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        #expect(TokenSample.fault(of: String(decoding: broken, as: UTF8.self), keys) != nil)
    }

    @Test(
        "claims are checked before the signature is",
        arguments: [
            ("iss", "https://other.test", .unknownIssuer), ("iss", nil, .missingClaim),
            ("iss", 5, .missingClaim), ("iss", "https://issuer.test/", .unknownIssuer),
            ("aud", "others", .wrongAudience), ("aud", ["others", "more"], .wrongAudience),
            ("aud", nil, .missingClaim), ("aud", ["mesh", 5] as [any Sendable], .missingClaim),
            ("aud", "mesh2", .wrongAudience), ("aud", [] as [String], .wrongAudience),
            ("exp", TokenSample.seconds - 61, .expired), ("exp", nil, .missingClaim),
            ("exp", "never", .missingClaim), ("exp", -1, .expired),
            ("nbf", TokenSample.seconds + 61, .notYetValid), ("nbf", "now", .missingClaim),
            ("sub", 5, .missingClaim),
        ] as [(String, (any Sendable)?, TokenFault)])
    func claims(_ name: String, _ value: (any Sendable)?, _ fault: TokenFault) throws {
        let token = try sample.token(TokenSample.claims([name: value]))
        #expect(TokenSample.fault(of: token, keys) == fault)
    }

    @Test(
        "what is within the skew, or far beyond any calendar, passes",
        arguments: [
            ("exp", TokenSample.seconds - 59), ("exp", 9_000_000_000_000_000_000),
            ("exp", 1e30), ("nbf", TokenSample.seconds + 60), ("nbf", -9e30),
            ("aud", ["others", "mesh"]), ("exp", Double(TokenSample.seconds) + 0.5),
        ] as [(String, any Sendable)])
    func edges(_ name: String, _ value: any Sendable) throws {
        let token = try sample.token(TokenSample.claims([name: value]))
        #expect(TokenSample.fault(of: token, keys) == nil)
    }

    @Test(
        "a head that asks for more than a look at the issuer's keys is refused",
        arguments: [
            (["alg": "none"], .algorithmNotAllowed), (["alg": "None"], .algorithmNotAllowed),
            (["alg": "HS256", "kid": "rsa"], .algorithmNotAllowed),
            (["alg": "RS384", "kid": "rsa"], .algorithmNotAllowed),
            (["alg": "ES256K"], .algorithmNotAllowed), (["alg": 5], .malformed),
            (["alg": "RS256"], .unknownKey), (["alg": "ES256", "kid": "ed"], .unknownKey),
            (["crit": ["exp"], "exp": 5], .unsupportedHeader),
            (["b64": true], .unsupportedHeader), (["zip": "DEF"], .unsupportedHeader),
            (["jku": "https://evil.test/keys"], .unsupportedHeader),
            (["x5u": "https://evil.test/cert"], .unsupportedHeader),
            (["jwk": ["kty": "EC"]], .unsupportedHeader), (["x5c": ["MII"]], .unsupportedHeader),
            (["cty": "JWT"], .unsupportedHeader), (["enc": "A128GCM"], .unsupportedHeader),
            (["kid": "../../dev/null"], .unknownKey), (["kid": "' OR 1=1 --"], .unknownKey),
            (["kid": "http://127.0.0.1/"], .unknownKey), (["kid": ["ec"]], .malformed),
            (["kid": String(repeating: "k", count: 600)], .malformed),
            (["typ": "logout+jwt"], .wrongType), (["typ": "dpop+jwt"], .wrongType),
            (["typ": 5], .malformed),
        ] as [([String: any Sendable], TokenFault)])
    func heads(_ head: [String: any Sendable], _ fault: TokenFault) throws {
        let token = try sample.token(TokenSample.claims(), head)
        #expect(TokenSample.fault(of: token, keys) == fault)
    }

    @Test("a head without an algorithm is no head")
    func withoutAlgorithm() throws {
        let token = try sample.token(
            text: Vectors.bytes(TokenSample.claims()), head: Array(#"{"kid":"ec"}"#.utf8))
        #expect(TokenSample.fault(of: token, keys) == .malformed)
    }

    @Test(
        "claims and heads that two readers could read differently are refused",
        arguments: [
            #"{"iss":"https://issuer.test","iss":"x","aud":"mesh","exp":9999999999}"#,
            #"{"exp":1,"iss":"https://issuer.test","aud":"mesh","\u0065xp":9999999999}"#,
            "\u{FEFF}{}", #"{"exp":NaN}"#, "[]", "null", "{} {}", #"{"a":1e999}"#,
            String(repeating: "[", count: 17) + String(repeating: "]", count: 17), "",
        ])
    func ambiguous(_ text: String) throws {
        let head = Array(#"{"alg":"ES256","kid":"ec"}"#.utf8)
        let token = try sample.token(text: Array(text.utf8), head: head)
        #expect(TokenSample.fault(of: token, keys) == .malformed)
    }

    @Test("spellings that differ from the signed one are refused")
    func spellings() throws {
        let token = try sample.token()
        for other in [
            token + "=", token + ".", " " + token, token + " ", "." + token,
            token.replacingOccurrences(of: ".", with: ". "), String(token.dropLast()),
            token.split(separator: ".").prefix(2).joined(separator: ".") + ".",
            token.split(separator: ".").joined(separator: ".."), token + "." + token, "", "..",
        ] {
            #expect(TokenSample.fault(of: other, keys) != nil, "\(other)")
        }
        let large = String(repeating: "a", count: Limits.tokenBytesMax + 1)
        #expect(TokenSample.fault(of: large, keys) == .tooLarge)
    }

    @Test("an access token of RFC 9068 needs an audience and a subject, whatever is configured")
    func accessTokens() throws {
        var policy = TokenSample.policy
        policy.audiences = []
        policy.types = ["at+jwt"]
        func fault(_ change: [String: Any?], _ type: String?) throws -> TokenFault? {
            let head = type.map { ["typ": $0] } ?? [:]
            let token = try sample.token(TokenSample.claims(change), head)
            return TokenSample.fault(of: token, keys, policy: policy)
        }
        #expect(try fault([:], "at+jwt") == nil)
        #expect(try fault([:], "application/AT+JWT") == nil)
        #expect(try fault(["aud": nil], "at+jwt") == .missingClaim)
        #expect(try fault(["sub": nil], "at+jwt") == .missingClaim)
        #expect(try fault([:], "JWT") == .wrongType)
        #expect(try fault([:], nil) == .wrongType)
    }

    @Test("a token without a key's name is believed only when one key could be meant")
    func withoutName() throws {
        let token = try sample.token(
            text: Vectors.bytes(TokenSample.claims()), head: Array(#"{"alg":"ES256"}"#.utf8))
        #expect(TokenSample.fault(of: token, keys) == nil)
        let other = try TokenSample()
        let bytes = try Vectors.bytes(["keys": [sample.curveKey("a"), other.curveKey("b")]])
        #expect(TokenSample.fault(of: token, try KeySet(bytes.span.bytes)) == .ambiguousKey)
    }
}
