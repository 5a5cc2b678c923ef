// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshIdentity

/// Index into `Snapshot.identity`.
package typealias IdentityID = Int32

/// One IdentityProvider: who is believed about whom a request comes from.
///
/// What it needs to know beside this (public keys, hashes of API keys) is its *material*: it
/// changes while a snapshot stays, so shards hold it apart and find it by `material`.
package struct IdentityProvider: Sendable, Hashable {
    /// `namespace/name`.
    package let name: String
    /// What it applies to, `Kind/namespace/name[/listener]`, for people.
    package let targets: [String]
    /// Whether requests without a credential pass.
    package let isOptional: Bool
    /// Whether the credential goes on to Backends that have none of ours.
    package let forwards: Bool
    /// How it knows callers.
    package let method: Method
    /// What its material is known by: the same for two providers that read the same.
    package let material: String
    /// A number that differs for providers that judge a credential differently.
    package let fingerprint: UInt64

    /// How a provider knows callers.
    package enum Method: Sendable, Hashable {
        /// By tokens of an issuer.
        case tokens(TokenPolicy, KeySource)
        /// By API keys in a file.
        case apiKeys(file: String)
        /// By the certificates that they connect with, as workloads of a TrustDomain.
        case certificates
    }

    /// The provider of the given parts.
    package init(
        name: String, targets: [String], isOptional: Bool, forwards: Bool, method: Method
    ) {
        self.name = name
        self.targets = targets
        self.isOptional = isOptional
        self.forwards = forwards
        self.method = method
        switch method {
        case .tokens(let policy, let source):
            material = source.label
            fingerprint = policy.fingerprint
        case .apiKeys(let file):
            material = "API keys in \(file)"
            fingerprint = 0
        case .certificates:
            material = ""
            fingerprint = 0
        }
    }

    /// Whether it reads tokens.
    package var readsTokens: Bool { if case .tokens = method { true } else { false } }

    /// Whether it reads API keys.
    package var readsKeys: Bool { if case .apiKeys = method { true } else { false } }
}

/// Where the public keys of an issuer come from.
package struct KeySource: Sendable, Hashable {
    /// The place.
    package var place: Place
    /// A PEM file of authorities for `https`; nil for the system's.
    package var caFile: String?
    /// How often keys are fetched.
    package var refresh: Nanoseconds
    /// How long keys are used that could not be fetched again.
    package var maxStale: Nanoseconds

    /// Where keys are.
    package enum Place: Sendable, Hashable {
        /// In a file.
        case file(String)
        /// At a URL.
        case url(String)
        /// Where the discovery document of this issuer says, on the issuer's own origin.
        case discovery(issuer: String)
    }

    /// A source of the given parts.
    package init(
        place: Place, caFile: String? = nil, refresh: Nanoseconds = .seconds(300),
        maxStale: Nanoseconds = .seconds(86_400)
    ) {
        self.place = place
        self.caFile = caFile
        self.refresh = refresh
        self.maxStale = maxStale
    }

    /// What it is called in messages, and what tells two sources apart.
    package var label: String {
        switch place {
        case .file(let path): "keys in \(path)"
        case .url(let url): "keys at \(url)\(caFile.map { " (\($0))" } ?? "")"
        case .discovery(let issuer): "keys of \(issuer)\(caFile.map { " (\($0))" } ?? "")"
        }
    }
}

extension TokenPolicy {
    /// A number that differs for policies that judge a token differently.
    fileprivate var fingerprint: UInt64 {
        var text = "\(issuer)\n\(clockSkew.rawValue)"
        for algorithm in algorithms { text += "\n\(algorithm.rawValue)" }
        for audience in audiences { text += "\naud \(audience)" }
        for type in types { text += "\ntyp \(type)" }
        // FNV-1a: no secret depends on it, and it is the same in every process.
        return text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
