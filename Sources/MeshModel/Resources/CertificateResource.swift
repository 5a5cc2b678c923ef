// SPDX-License-Identifier: Apache-2.0

/// A `Certificate`: one with its private key, in files.
package struct CertificateResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// The PEM file of the chain, the certificate itself first.
    package var chainFile: String
    /// The PEM file of the private key.
    package var keyFile: String

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        chainFile = spec?.text("certificateFile")?.value ?? ""
        keyFile = spec?.text("privateKeyFile")?.value ?? ""
    }
}

/// A `TrustDomain`: whose authorities say who a workload is.
package struct TrustDomainResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// The name of the trust domain.
    package var name: Located<String>
    /// The PEM file of its authorities.
    package var bundleFile: String

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        name = spec?.text("trustDomain") ?? Located("", at: metadata.place)
        bundleFile = spec?.text("bundleFile")?.value ?? ""
    }
}

/// A `BackendTLSPolicy`: who endpoints of Backends must prove to be.
package struct BackendTLSPolicyResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// The Backends.
    package var targets: [Reference]
    /// Who vouches for them.
    package var authorities: [Reference]
    /// Where the system's authorities are named, or nil.
    package var system: Place?
    /// The host that is asked for.
    package var hostname: Located<String>?
    /// Names of which a certificate must have one.
    package var names: [Name]

    /// One name.
    package struct Name: Hashable, Sendable {
        /// Whether it is a URI, and no host.
        package var isURI: Bool
        /// The host, or nil.
        package var hostname: Located<String>?
        /// The URI, or nil.
        package var uri: Located<String>?
        /// Where it is written.
        package var place: Place
    }

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        targets = (spec?.elements("targetRefs") ?? []).compactMap { Reference($0) }
        let validation = spec?["validation"]
        authorities = (validation?.elements("caCertificateRefs") ?? []).compactMap {
            Reference($0)
        }
        system = validation?["wellKnownCACertificates"]?.place
        hostname = validation?.text("hostname")
        names = (validation?.elements("subjectAltNames") ?? []).map { cursor in
            Name(
                isURI: cursor.text("type")?.value == "URI", hostname: cursor.text("hostname"),
                uri: cursor.text("uri"), place: cursor.place)
        }
    }
}
