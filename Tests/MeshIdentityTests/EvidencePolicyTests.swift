// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshWire
import Testing

@testable import MeshIdentity

@Suite("Statements of verifiers")
struct EvidencePolicyTests {
    private let sample: TokenSample
    private let policy = EvidencePolicy(
        issuer: "https://issuer.test", audiences: [], algorithms: [.es256, .edDSA])

    init() throws { sample = try TokenSample() }

    private func read(
        _ token: String, _ policy: EvidencePolicy? = nil
    ) throws(TokenFault) -> EvidencePolicy.Statement {
        let keys: KeySet
        do { keys = try sample.set() } catch { throw .unknownKey }
        return try (policy ?? self.policy).read(Array(token.utf8), keys)
    }

    private func fault(_ token: String, _ policy: EvidencePolicy? = nil) -> TokenFault? {
        do throws(TokenFault) {
            _ = try read(token, policy)
            return nil
        } catch {
            return error
        }
    }

    private func second(_ seconds: Int) -> WallTime {
        WallTime(nanoseconds: Int64(seconds) * 1_000_000_000)
    }

    @Test("a sound one is read, with its name, subject, claims and span")
    func sound() throws {
        let claims = TokenSample.claims(["jti": "e1", "iat": TokenSample.seconds])
        for type in ["JWT", "eat+jwt", "application/eat+jwt", "ear+jwt"] {
            let found = try read(" \n" + sample.token(claims, ["typ": type]) + "\r\n")
            #expect(found.id == "e1" && found.subject == "alice")
            #expect(found.claims["aud"]?.text == "mesh")
            #expect(found.opens == TokenSample.now)
            #expect(found.closes == second(TokenSample.seconds + 300))
        }
    }

    @Test("the span begins with nbf, ends with exp or the greatest age, to the second")
    func spans() throws {
        let start = TokenSample.seconds
        var aged = policy
        aged.maxAge = .seconds(60)
        let claims = TokenSample.claims(["iat": start, "nbf": start + 5])
        #expect(try read(sample.token(claims)).opens == second(start + 5))
        #expect(try read(sample.token(claims), aged).closes == second(start + 60))
        aged.maxAge = .seconds(6000)
        #expect(try read(sample.token(claims), aged).closes == second(start + 300))
        let endless = TokenSample.claims(["iat": start, "exp": nil])
        #expect(try read(sample.token(endless), aged).closes == second(start + 6000))
        #expect(try fault(sample.token(endless)) == .missingClaim)
        #expect(try fault(sample.token(TokenSample.claims()), aged) == .missingClaim)
        let odd = TokenSample.claims(["exp": "soon"])
        #expect(try fault(sample.token(odd)) == .missingClaim)
    }

    @Test("without a name it is called by its digest, which is its own")
    func names() throws {
        let first = try read(sample.token())
        let second = try read(sample.token(TokenSample.claims(["sub": nil, "ueid": "u"])))
        #expect(first.id.count == 16 && first.id != second.id && second.subject == "u")
    }

    @Test("what is not of the verifier, or for others, is refused")
    func refused() throws {
        #expect(try fault(sample.token(TokenSample.claims(["iss": "other"]))) == .unknownIssuer)
        #expect(try fault(sample.token(TokenSample.claims(["iss": nil]))) == .missingClaim)
        var bound = policy
        bound.audiences = ["mesh"]
        #expect(try fault(sample.token(), bound) == nil)
        #expect(
            try fault(sample.token(TokenSample.claims(["aud": ["x"]])), bound) == .wrongAudience)
        #expect(try fault(sample.token(TokenSample.claims(["aud": nil])), bound) == .missingClaim)
        #expect(try fault(sample.token(TokenSample.claims(), ["typ": "at+jwt"])) == .wrongType)
        #expect(
            try fault(sample.token(TokenSample.claims(), ["alg": "RS256", "kid": "rsa"]))
                == .algorithmNotAllowed)
        #expect(
            try fault(sample.token(TokenSample.claims(), ["alg": "HS256", "kid": "rsa"]))
                == .algorithmNotAllowed)
        #expect(
            try fault(sample.token(TokenSample.claims(), ["jku": "https://x"]))
                == .unsupportedHeader)
        #expect(try fault(sample.token(TokenSample.claims(), ["kid": "no"])) == .unknownKey)
        var parts = try sample.token().split(separator: ".").map(String.init)
        let other = try sample.token(TokenSample.claims(["sub": "b"])).split(separator: ".")
        parts[1] = String(other[1])
        #expect(fault(parts.joined(separator: ".")) == .badSignature)
        #expect(fault("") == .malformed)
    }
}
