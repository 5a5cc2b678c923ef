// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// An `IdentityProvider`: whom the callers of its targets must be known by.
package struct IdentityProviderResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// What it applies to, in its own namespace.
    package var targets: [Target]
    /// Whether requests without a credential pass.
    package var isOptional: Bool
    /// Whether the credential goes on to Backends that have none of ours.
    package var forwards: Bool
    /// Tokens of an issuer.
    package var jwt: Located<Tokens>?
    /// API keys.
    package var apiKeys: Located<APIKeys>?
    /// Where `clientCertificate` is written, or nil.
    package var certificates: Place?

    /// A reference to a target, perhaps one listener of it.
    package struct Target: Hashable, Sendable {
        /// The resource.
        package var reference: Reference
        /// The listener, or nil for every one.
        package var sectionName: Located<String>?

        init?(_ cursor: Cursor) {
            guard let reference = Reference(cursor) else { return nil }
            self.reference = reference
            sectionName = cursor.text("sectionName")
        }
    }

    /// What tokens must be like; what is absent is nil or empty.
    package struct Tokens: Hashable, Sendable {
        /// The issuer.
        package var issuer: Located<String>
        /// The audiences.
        package var audiences: [Located<String>]
        /// The algorithms.
        package var algorithms: [Located<String>]
        /// The values of `typ`.
        package var types: [Located<String>]
        /// Where the keys are published.
        package var jwksURI: Located<String>?
        /// A file with the keys.
        package var jwksFile: Located<String>?
        /// A PEM file of authorities.
        package var caFile: Located<String>?
        /// How far clocks may differ.
        package var clockSkew: Located<Nanoseconds>?
        /// How often keys are fetched.
        package var refresh: Located<Nanoseconds>?
        /// How long keys are used that could not be fetched again.
        package var maxStale: Located<Nanoseconds>?

        init?(_ cursor: Cursor) {
            guard let issuer = cursor.text("issuer") else { return nil }
            self.issuer = issuer
            audiences = cursor.texts("audiences")
            algorithms = cursor.texts("algorithms")
            types = cursor.texts("tokenTypes")
            jwksURI = cursor.text("jwksUri")
            jwksFile = cursor.text("jwksFile")
            caFile = cursor.text("caFile")
            clockSkew = cursor.duration("clockSkew")
            refresh = cursor.duration("refresh")
            maxStale = cursor.duration("maxStale")
        }
    }

    /// Where API keys are kept.
    package struct APIKeys: Hashable, Sendable {
        /// The file of hashed keys.
        package var file: Located<String>
    }

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        targets = (spec?.elements("targetRefs") ?? []).compactMap { Target($0) }
        isOptional = spec?.boolean("optional")?.value ?? false
        forwards = spec?.boolean("forward")?.value ?? false
        jwt = spec?["jwt"].flatMap { cursor in
            Tokens(cursor).map { Located($0, at: cursor.place) }
        }
        apiKeys = spec?["apiKeys"].flatMap { cursor in
            cursor.text("file").map { Located(APIKeys(file: $0), at: cursor.place) }
        }
        certificates = spec?["clientCertificate"]?.place
    }
}
