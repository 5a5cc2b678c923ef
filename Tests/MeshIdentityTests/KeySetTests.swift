// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import Testing

@testable import MeshIdentity

@Suite("sets of keys")
struct KeySetTests {
    private func set(_ keys: [[String: Any]]) throws -> KeySet {
        let bytes = try Vectors.bytes(["keys": keys])
        return try KeySet(bytes.span.bytes)
    }

    @Test("what is not a sound public key for signatures is left out with a reason")
    func omissions() throws {
        let sample = try TokenSample()
        func curve(_ change: [String: Any]) -> [String: Any] {
            sample.curveKey().merging(change) { $1 }
        }
        func rsa(_ change: [String: Any]) throws -> [String: Any] {
            try sample.rsaKey().merging(change) { $1 }
        }
        let bad: [[String: Any]] = try [
            curve(["use": "enc"]), curve(["key_ops": ["encrypt"]]), curve(["use": 5]),
            curve(["alg": "ES384"]), curve(["alg": "none"]), curve(["crv": "secp256k1"]),
            curve(["x": "AA"]), curve(["y": sample.curveKey()["x"] ?? ""]),
            curve(["d": "AAAA"]), curve(["kid": 5]), curve(["kty": "RSA"]),
            rsa(["e": "AQ"]), rsa(["e": "Ag"]), rsa(["e": "AQAAAAAB"]),
            rsa(["n": "AQAB"]), rsa(["alg": "HS256"]), rsa(["alg": "ES256"]), rsa(["d": "AQAB"]),
            ["kty": "oct", "k": "AAAA"], ["kty": "OKP", "crv": "X25519", "x": "AAAA"], [:],
        ]
        let found = try set(bad)
        #expect(found.keys.isEmpty)
        #expect(found.omissions.count == bad.count)
        #expect(found.omissions.allSatisfy { !$0.contains("AAAA") })
        #expect(try set(bad + [sample.curveKey()]).keys.count == 1)
    }

    @Test("two keys of one name leave nothing to choose by")
    func twice() throws {
        let found = try set([TokenSample().curveKey("k"), TokenSample().curveKey("k")])
        guard case .ambiguous = found.key(called: "k", for: .es256) else {
            Issue.record("one of them was chosen")
            return
        }
    }

    @Test(
        "a document that is no set is refused",
        arguments: ["", "{}", "[]", #"{"keys":5}"#, #"{"keys":[],"keys":[]}"#, "{\"keys\":["])
    func noSet(_ text: String) {
        let bytes = Array(text.utf8)
        #expect(throws: KeySet.Fault.self) { try KeySet(bytes.span.bytes) }
    }

    @Test("a set is bounded in bytes and keys")
    func bounds() throws {
        let many = Array(repeating: ["kty": "oct"], count: Limits.keySetKeysMax + 1)
        #expect(throws: KeySet.Fault.self) { try set(many) }
        let large = [["kty": String(repeating: "x", count: Limits.keySetBytesMax)]]
        #expect(throws: KeySet.Fault.self) { try set(large) }
    }

    @Test("a modulus of the flawed generator is told from a sound one")
    func weakness() {
        // 65537 to the 400th is a product of its powers modulo every prime; one more is not.
        var number: [UInt8] = [1]
        for _ in 0..<100 { number = number + [0, 0].map { $0 as UInt8 }; number = add(number) }
        #expect(RSAWeakness.isROCA(number))
        number[number.count - 1] ^= 2
        #expect(!RSAWeakness.isROCA(number))
    }

    /// `number` times 65537, given `number` with two zero bytes behind it: both added.
    private func add(_ shifted: [UInt8]) -> [UInt8] {
        var sum = shifted
        let number = [0, 0] + shifted.dropLast(2)
        var carry = 0
        for i in sum.indices.reversed() {
            let value = Int(sum[i]) + Int(number[i]) + carry
            sum[i] = UInt8(value & 255)
            carry = value >> 8
        }
        return carry > 0 ? [UInt8(carry)] + sum : sum
    }
}
