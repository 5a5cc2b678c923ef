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
