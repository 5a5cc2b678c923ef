// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import Testing

@testable import MeshIdentity

/// What others say of signatures and keys: Wycheproof and the JOSE cookbook, read in place.
@Suite("vectors of JOSE")
struct VectorTests {
    /// Whether `jws` is signed with a key of the document `set`.
    private static func accepts(_ jws: Any?, _ set: [UInt8]) -> Bool {
        guard let text = jws as? String, let keys = try? KeySet(set.span.bytes) else {
            return false
        }
        let bytes = Array(text.utf8)
        guard let message = try? SignedMessage(bytes.span.bytes),
            case .found(let key) = keys.key(called: message.keyID, for: message.algorithm)
        else { return false }
        return message.isSigned(with: key)
    }

    /// Whether `jws` asks for a shared secret, which is never accepted.
    private static func isShared(_ jws: Any?) -> Bool {
        guard let text = jws as? String,
            let head = text.split(separator: ".", omittingEmptySubsequences: false).first,
            let bytes = Base64URL.decode(String(head)),
            let json = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
        else { return false }
        return (json["alg"] as? String)?.hasPrefix("HS") == true
    }

    /// Valid by the vectors, refused here, and why.
    private static let stricter = [
        350: "the key is for PS256 and the token is signed with PS384"
    ]

    @Test("Wycheproof: no signature is accepted that should not be, and every sound one is")
    func signatures() throws {
        guard let file = try Vectors.load("wycheproof_json_web_signature_test") else { return }
        var counts = (refused: 0, accepted: 0, shared: 0)
        for group in file["testGroups"] as? [[String: Any]] ?? [] {
            let key = group["public"] ?? group["private"] ?? [:]
            let set = try Vectors.bytes(["keys": [key]])
            for test in group["tests"] as? [[String: Any]] ?? [] {
                let number = test["tcId"] as? Int ?? 0
                let isAccepted = Self.accepts(test["jws"], set)
                if test["result"] as? String == "invalid" {
                    #expect(!isAccepted, "\(number)")
                    counts.refused += isAccepted ? 0 : 1
                } else if Self.isShared(test["jws"]) || Self.stricter[number] != nil {
                    #expect(!isAccepted, "\(number)")
                    counts.shared += 1
                } else {
                    #expect(isAccepted, "\(number): \(test["comment"] ?? "")")
                    counts.accepted += isAccepted ? 1 : 0
                }
            }
        }
        print(
            "Wycheproof JWS: \(counts.refused) refused, \(counts.accepted) accepted, "
                + "\(counts.shared) valid ones that are not taken here on purpose")
        #expect(counts.refused >= 275 && counts.accepted >= 20)
    }

    @Test("Wycheproof: no key is used that should not be")
    func keys() throws {
        guard let file = try Vectors.load("wycheproof_json_web_key_test") else { return }
        var count = 0
        for group in file["testGroups"] as? [[String: Any]] ?? [] {
            let set = try Vectors.bytes(group["public"] ?? group["private"] ?? [:])
            for test in group["tests"] as? [[String: Any]] ?? [] {
                let isValid = test["result"] as? String == "valid" && !Self.isShared(test["jws"])
                #expect(
                    Self.accepts(test["jws"], set) == isValid,
                    "\(test["tcId"] ?? 0): \(test["comment"] ?? "")")
                count += 1
            }
        }
        print("Wycheproof JWK: \(count) keys used or refused as they should be")
        #expect(count == 26)
    }

    @Test("the cookbook's compact signatures with public keys are accepted")
    func cookbook() throws {
        guard let file = try Vectors.load("cookbook_jws_jwk") else { return }
        var accepted: [String] = []
        for (name, content) in file.sorted(by: { $0.key < $1.key }) {
            guard let example = content as? [String: Any],
                let input = example["input"] as? [String: Any],
                let output = example["output"] as? [String: Any],
                var key = input["key"] as? [String: Any], key["kty"] as? String != "oct",
                output["compact"] != nil
            else { continue }
            // The examples show private keys; a set of keys has the public half only.
            for secret in ["d", "p", "q", "dp", "dq", "qi"] { key[secret] = nil }
            if Self.accepts(output["compact"], try Vectors.bytes(["keys": [key]])) {
                accepted.append(name)
            }
        }
        print("JOSE cookbook: \(accepted.count) signatures with public keys accepted")
        #expect(
            accepted == [
                "curve25519/jws.json", "jws/4_1.rsa_v15_signature.json",
                "jws/4_2.rsa-pss_signature.json", "jws/4_3.ecdsa_signature.json",
            ])
    }
}
