// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshWire

/// An API key as the mesh knows it: everything but the secret itself.
///
/// ```
///  pinion_k3v5h2x7q4ma_7d2m…52 letters and digits…
///         └─ id ─────┘ └─ secret, 256 bits ─────┘
/// ```
///
/// What is kept of the secret is its SHA-256 with a salt of its own. A slow hash, as passwords
/// need, would gain nothing: nobody can guess 256 random bits, and every request would pay.
package struct APIKey: Sendable, Hashable {
    /// Its public name, 12 letters and digits.
    package var id: String
    /// Whose it is.
    package var owner: String
    /// What it may be used for, in the words of the rules that ask.
    package var scopes: [String]
    /// When it was made, in seconds since 1970.
    package var created: Int64
    /// From then on it is void, in seconds since 1970; nil for never.
    package var expires: Int64?
    /// When it was revoked, in seconds since 1970; nil when it was not.
    package var revoked: Int64?
    /// What is hashed in front of the secret.
    package var salt: [UInt8]
    /// The hash.
    package var hash: Digest

    /// Letters and digits of the id.
    package static let idLength = 12
    /// Letters and digits of the secret: five bits each.
    package static let secretLength = 52
    /// What every key begins with, so that scanners for leaked secrets can find one.
    package static let prefix = "pinion_"
    /// Random bytes that a key is made of.
    package static let seedBytes = 8 + 16 + 33

    /// A new key and its text, which is shown once and kept nowhere.
    ///
    /// **Shape** `seed` holds `seedBytes` bytes that nobody can guess.
    package static func make(
        owner: String, scopes: [String], created: Int64, expires: Int64?, seed: [UInt8]
    ) -> (key: APIKey, text: Secret<String>) {
        let id = letters(Array(seed[0..<8]), count: idLength)
        let salt = Array(seed[8..<24])
        let secret = letters(Array(seed[24..<57]), count: secretLength)
        let bytes = Array(secret.utf8)
        let key = APIKey(
            id: id, owner: owner, scopes: scopes, created: created, expires: expires,
            revoked: nil, salt: salt, hash: Digest(of: unsafe bytes.span.bytes, salt: salt))
        return (key, Secret("\(prefix)\(id)_\(secret)"))
    }

    /// Why a key says nothing about who somebody is.
    package enum Fault: Error, Sendable, Hashable, CaseIterable {
        /// It is no key of this mesh.
        case malformed
        /// There is no such key, or its secret is another.
        case unknown
        /// It was revoked.
        case revoked
        /// Its time is over.
        case expired
    }

    /// Whether the key is in force.
    package func check(at wall: WallTime) throws(Fault) {
        if revoked != nil { throw .revoked }
        if let expires, wall.nanoseconds / 1_000_000_000 >= expires { throw .expired }
    }

    /// Five bits of `bytes` for each letter.
    private static func letters(_ bytes: [UInt8], count: Int) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        var out: [UInt8] = []
        var bits: UInt32 = 0
        var held = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            held += 8
            while held >= 5, out.count < count {
                held -= 5
                out.append(alphabet[Int(bits >> UInt32(held) & 31)])
            }
            bits &= (1 << UInt32(held)) - 1
        }
        return String(decoding: out, as: UTF8.self)
    }
}

extension APIKey.Fault {
    /// A stable word for logs, metrics and recordings.
    package var label: String {
        switch self {
        case .malformed: "malformed"
        case .unknown: "unknown-key"
        case .revoked: "revoked"
        case .expired: "expired"
        }
    }

    /// What is wrong, and what to do about it.
    package var message: String {
        switch self {
        case .malformed, .unknown: "the API key is not one of this service; check it"
        case .revoked: "the API key was revoked; ask for a new one"
        case .expired: "the API key has expired; ask for a new one"
        }
    }
}

extension APIKey {
    /// The key as one line of a file, without a line break.
    package var line: [UInt8] {
        func time(_ value: Int64?) -> JSONTree { value.map { .int($0) } ?? .null }
        let tree = JSONTree.object([
            .init("id", .string(id)), .init("owner", .string(owner)),
            .init("scopes", .list(scopes.map { .string($0) })),
            .init("created", .int(created)), .init("expires", time(expires)),
            .init("revoked", time(revoked)), .init("salt", .string(Hexadecimal.text(salt))),
            .init("sha256", .string(hash.hexadecimal)),
        ])
        var line: [UInt8] = []
        tree.append(to: &line)
        return line
    }

    /// The key that a line of a file describes, or nil.
    package init?(line: RawSpan) {
        guard
            let tree = try? JSONTree.read(line, bytesMax: Limits.apiKeyLineBytesMax),
            let id = tree["id"]?.text, Self.isName(Array(id.utf8), length: Self.idLength),
            let owner = tree["owner"]?.text, !owner.isEmpty,
            owner.utf8.count <= Limits.subjectBytesMax,
            let scopes = tree["scopes"]?.texts, scopes.count <= Limits.scopesMax,
            let created = tree["created"]?.integer,
            let expires = Self.time(tree["expires"]), let revoked = Self.time(tree["revoked"]),
            let salt = tree["salt"]?.text.flatMap({ Hexadecimal.bytes($0) }), salt.count >= 8,
            let hash = tree["sha256"]?.text.flatMap({ Digest(hexadecimal: $0) })
        else { return nil }
        self.init(
            id: id, owner: owner, scopes: scopes, created: created, expires: expires.value,
            revoked: revoked.value, salt: salt, hash: hash)
    }

    private struct Time { var value: Int64? }

    /// A time or null; nil for anything else, so that a broken field voids the key.
    private static func time(_ tree: JSONTree?) -> Time? {
        switch tree {
        case .null: Time(value: nil)
        case .int(let seconds): Time(value: seconds)
        default: nil
        }
    }

    /// Whether `bytes` are `length` letters of the alphabet of ids and secrets.
    static func isName(_ bytes: [UInt8], length: Int) -> Bool {
        bytes.count == length
            && bytes.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "2")...UInt8(ascii: "7")).contains($0)
            }
    }
}
