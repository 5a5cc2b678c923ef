// SPDX-License-Identifier: Apache-2.0

import Crypto
import CryptoExtras

/// One public key that tokens may be signed with.
package struct VerificationKey: Sendable {
    /// Its name in its set, or nil.
    package let id: String?
    /// The only algorithm it is for, or nil when every one of its family is.
    package let algorithm: SignatureAlgorithm?
    private let material: Material

    private enum Material: Sendable {
        case rsa(_RSA.Signing.PublicKey, bytes: Int)
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
    }

    private init(id: String?, algorithm: SignatureAlgorithm?, _ material: Material) {
        self.id = id
        self.algorithm = algorithm
        self.material = material
    }

    /// An RSA key of the given modulus and exponent; nil when it is too small, too large, or weak
    /// in a way that is known.
    static func rsa(
        id: String?, algorithm: SignatureAlgorithm?, modulus: [UInt8], exponent: [UInt8]
    ) -> VerificationKey? {
        // Some issuers write the zero that keeps a number of ASN.1 positive.
        let modulus = Array(modulus.drop { $0 == 0 })
        let exponent = Array(exponent.drop { $0 == 0 })
        guard let top = modulus.first, modulus.last.map({ $0 & 1 == 1 }) == true else {
            return nil
        }
        let bits = modulus.count * 8 - top.leadingZeroBitCount
        guard Limits.rsaBits.contains(bits), isSoundExponent(exponent), !RSAWeakness.isROCA(modulus)
        else { return nil }
        guard let key = try? _RSA.Signing.PublicKey(n: modulus, e: exponent) else { return nil }
        return VerificationKey(
            id: id, algorithm: algorithm, .rsa(key, bytes: modulus.count))
    }

    /// An exponent of 1 makes every signature valid; even ones are none; huge ones only cost time.
    private static func isSoundExponent(_ exponent: [UInt8]) -> Bool {
        guard let last = exponent.last else { return false }
        return last & 1 == 1 && exponent.count <= 5 && exponent != [1]
    }

    /// A key on a curve, `x` and `y` as long as the curve's field; nil when there is no such point.
    static func curve(
        id: String?, algorithm: SignatureAlgorithm?, _ family: SignatureAlgorithm.Family,
        x: [UInt8], y: [UInt8]
    ) -> VerificationKey? {
        let point = [4] + x + y
        let material: Material?
        switch family {
        case .p256:
            material = (try? P256.Signing.PublicKey(x963Representation: point)).map(Material.p256)
        case .p384:
            material = (try? P384.Signing.PublicKey(x963Representation: point)).map(Material.p384)
        case .p521:
            material = (try? P521.Signing.PublicKey(x963Representation: point)).map(Material.p521)
        case .rsa, .ed25519: material = nil
        }
        return material.map { VerificationKey(id: id, algorithm: algorithm, $0) }
    }

    /// An Ed25519 key, or nil when `bytes` are none.
    static func ed25519(
        id: String?, algorithm: SignatureAlgorithm?, _ bytes: [UInt8]
    ) -> VerificationKey? {
        guard bytes.count == 32,
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
        else { return nil }
        return VerificationKey(id: id, algorithm: algorithm, .ed25519(key))
    }

    /// Whether the key is for signatures of `wanted`.
    package func serves(_ wanted: SignatureAlgorithm) -> Bool {
        guard wanted.family == family else { return false }
        return algorithm.map { $0 == wanted } ?? true
    }

    private var family: SignatureAlgorithm.Family {
        switch material {
        case .rsa: .rsa
        case .p256: .p256
        case .p384: .p384
        case .p521: .p521
        case .ed25519: .ed25519
        }
    }

    /// Whether `signature` of `message` was made by `wanted` with the secret half of this key.
    ///
    /// **Complexity** up to 100 µs for the usual sizes: never without a bound on how often.
    package func verifies(
        _ signature: [UInt8], of message: [UInt8], by wanted: SignatureAlgorithm
    ) -> Bool {
        guard serves(wanted) else { return false }
        switch material {
        case .rsa(let key, let size):
            guard signature.count == size else { return false }
            return Self.verifiesRSA(key, signature, message, wanted)
        case .p256(let key):
            guard let read = try? P256.Signing.ECDSASignature(rawRepresentation: signature) else {
                return false
            }
            return key.isValidSignature(read, for: message)
        case .p384(let key):
            guard let read = try? P384.Signing.ECDSASignature(rawRepresentation: signature) else {
                return false
            }
            return key.isValidSignature(read, for: message)
        case .p521(let key):
            guard let read = try? P521.Signing.ECDSASignature(rawRepresentation: signature) else {
                return false
            }
            return key.isValidSignature(read, for: message)
        case .ed25519(let key):
            return signature.count == 64 && key.isValidSignature(signature, for: message)
        }
    }

    private static func verifiesRSA(
        _ key: _RSA.Signing.PublicKey, _ signature: [UInt8], _ message: [UInt8],
        _ algorithm: SignatureAlgorithm
    ) -> Bool {
        let signature = _RSA.Signing.RSASignature(rawRepresentation: signature)
        switch algorithm {
        case .rs256:
            return key.isValidSignature(
                signature, for: SHA256.hash(data: message), padding: .insecurePKCS1v1_5)
        case .rs384:
            return key.isValidSignature(
                signature, for: SHA384.hash(data: message), padding: .insecurePKCS1v1_5)
        case .rs512:
            return key.isValidSignature(
                signature, for: SHA512.hash(data: message), padding: .insecurePKCS1v1_5)
        case .ps256:
            return key.isValidSignature(
                signature, for: SHA256.hash(data: message), padding: .PSS)
        case .ps384:
            return key.isValidSignature(
                signature, for: SHA384.hash(data: message), padding: .PSS)
        case .ps512:
            return key.isValidSignature(
                signature, for: SHA512.hash(data: message), padding: .PSS)
        case .es256, .es384, .es512, .edDSA: return false
        }
    }
}
