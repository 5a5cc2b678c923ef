// SPDX-License-Identifier: Apache-2.0

import MeshWire

/// Reads one key of a set.
enum JSONWebKey {
    /// Why a key is not used.
    struct Fault: Error, Hashable, Sendable {
        let message: String

        init(_ message: String) { self.message = message }
    }

    /// The key that `tree` describes.
    static func read(_ tree: JSONTree) -> Result<VerificationKey, Fault> {
        do throws(Fault) { return .success(try key(tree)) } catch { return .failure(error) }
    }

    private static func key(_ tree: JSONTree) throws(Fault) -> VerificationKey {
        guard tree.members != nil else { throw Fault("it is no object") }
        guard let type = tree["kty"]?.text else { throw Fault("`kty` is missing") }
        try checkUse(tree)
        let id = try name(tree)
        let algorithm = try algorithm(tree)
        // RFC 8725 section 3.1 and the lesson of mixed sets: what is private has no place here.
        if tree["d"] != nil || tree["k"] != nil {
            throw Fault(type == "oct" ? "its secret is shared" : "its private half is in it")
        }
        let found: VerificationKey?
        switch type {
        case "RSA":
            guard let modulus = bytes("n", tree), let exponent = bytes("e", tree) else {
                throw Fault("`n` or `e` is missing or malformed")
            }
            if let algorithm, algorithm.family != .rsa { throw Fault("`alg` is for other keys") }
            found = .rsa(id: id, algorithm: algorithm, modulus: modulus, exponent: exponent)
        case "EC": found = try curve(tree, id, algorithm)
        case "OKP":
            guard tree["crv"]?.text == "Ed25519", let key = bytes("x", tree) else {
                throw Fault("`crv` is not Ed25519, or `x` is missing or malformed")
            }
            if let algorithm, algorithm != .edDSA { throw Fault("`alg` is for other keys") }
            found = .ed25519(id: id, algorithm: algorithm, key)
        case "oct": throw Fault("its secret is shared")
        default: throw Fault("its type is not known")
        }
        guard let found else { throw Fault("it is too small, too large, or not sound") }
        return found
    }

    private static func curve(
        _ tree: JSONTree, _ id: String?, _ algorithm: SignatureAlgorithm?
    ) throws(Fault) -> VerificationKey? {
        let (family, size): (SignatureAlgorithm.Family, Int)
        switch tree["crv"]?.text {
        case "P-256": (family, size) = (.p256, 32)
        case "P-384": (family, size) = (.p384, 48)
        case "P-521": (family, size) = (.p521, 66)
        default: throw Fault("its curve is not known")
        }
        if let algorithm, algorithm.family != family { throw Fault("`alg` is for another curve") }
        guard let x = bytes("x", tree), let y = bytes("y", tree), x.count == size, y.count == size
        else { throw Fault("`x` or `y` is missing, malformed or of another length") }
        return .curve(id: id, algorithm: algorithm, family, x: x, y: y)
    }

    /// Keys for encryption are no keys for signatures.
    private static func checkUse(_ tree: JSONTree) throws(Fault) {
        if let use = tree["use"], use.text != "sig" { throw Fault("it is not for signatures") }
        if let operations = tree["key_ops"], operations.texts?.contains("verify") != true {
            throw Fault("it is not for signatures")
        }
    }

    private static func name(_ tree: JSONTree) throws(Fault) -> String? {
        guard let id = tree["kid"] else { return nil }
        guard let text = id.text, text.utf8.count <= Limits.keyNameBytesMax else {
            throw Fault("`kid` is no text or too long")
        }
        return text
    }

    private static func algorithm(_ tree: JSONTree) throws(Fault) -> SignatureAlgorithm? {
        guard let written = tree["alg"] else { return nil }
        guard let name = written.text, let found = SignatureAlgorithm(name: name) else {
            throw Fault("`alg` is not one that is checked here")
        }
        return found
    }

    private static func bytes(_ name: String, _ tree: JSONTree) -> [UInt8]? {
        guard let text = tree[name]?.text, let bytes = Base64URL.decode(text), !bytes.isEmpty
        else { return nil }
        return bytes
    }
}
