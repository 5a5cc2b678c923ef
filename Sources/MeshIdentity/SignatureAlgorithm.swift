// SPDX-License-Identifier: Apache-2.0

/// How a token is signed: the algorithms with a public key, and no others.
///
/// There is deliberately no `none` and nothing with a shared secret: a token that asks for one
/// cannot even be expressed, so a public key can never be taken for a secret.
///
/// **Source** RFC 7518 section 3.1, RFC 8037 section 3.1 (`EdDSA` with Ed25519 only) and RFC 9864
/// (`Ed25519` as its full name).
package enum SignatureAlgorithm: String, CaseIterable, Sendable, Hashable {
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case edDSA = "EdDSA"

    /// What kind of key it needs.
    enum Family: Sendable, Hashable {
        case rsa
        case p256
        case p384
        case p521
        case ed25519
    }

    /// What kind of key it needs.
    var family: Family {
        switch self {
        case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: .rsa
        case .es256: .p256
        case .es384: .p384
        case .es512: .p521
        case .edDSA: .ed25519
        }
    }

    /// The algorithm that tokens and keys call `name`, or nil when it is none of ours.
    package init?(name: String) {
        if name == "Ed25519" {
            self = .edDSA
            return
        }
        self.init(rawValue: name)
    }
}
