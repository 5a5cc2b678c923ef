// SPDX-License-Identifier: Apache-2.0

/// How a listener ends TLS. What stands in files and Secrets is never in a snapshot.
package struct ListenerTLS: Sendable, Hashable {
    /// The certificate that it shows.
    package var certificate: CertificateSource
    /// The least version that is agreed on.
    package var minimum: Minimum
    /// What callers must show, or nil for nothing.
    package var callers: CallerCertificates?

    /// A version of TLS, as an operator writes it.
    package enum Minimum: String, Sendable, Hashable, CaseIterable {
        /// TLS 1.3.
        case tls13 = "1.3"
        /// TLS 1.2.
        case tls12 = "1.2"
    }

    /// TLS of the given parts.
    package init(
        certificate: CertificateSource, minimum: Minimum = .tls13,
        callers: CallerCertificates? = nil
    ) {
        self.certificate = certificate
        self.minimum = minimum
        self.callers = callers
    }
}

/// Where a certificate and its private key are.
package struct CertificateSource: Sendable, Hashable {
    /// The resource as messages call it: `Certificate/web`.
    package var label: String
    /// Where both are.
    package var place: Place

    /// Where a certificate is.
    package enum Place: Sendable, Hashable {
        /// In PEM files.
        case files(chain: String, key: String)
        /// In the values `tls.crt` and `tls.key` of the Secret `namespace/name`.
        case secret(String)
    }

    /// The certificate of the resource `label` at `place`.
    package init(label: String, place: Place) {
        self.label = label
        self.place = place
    }

    /// The files, or none.
    package var files: [String] {
        if case .files(let chain, let key) = place { [chain, key] } else { [] }
    }
}

/// Where the certificates of authorities are.
package struct AuthoritySource: Sendable, Hashable {
    /// The resource as messages call it: `TrustDomain/prod`.
    package var label: String
    /// Where they are.
    package var place: Place

    /// Where authorities are.
    package enum Place: Sendable, Hashable {
        /// In a PEM file.
        case file(String)
        /// In the value `ca.crt` of the Secret `namespace/name`.
        case secret(String)
    }

    /// The authorities of the resource `label` at `place`.
    package init(label: String, place: Place) {
        self.label = label
        self.place = place
    }

    /// The file, or none.
    package var files: [String] { if case .file(let path) = place { [path] } else { [] } }
}

/// What callers must show at a listener.
package struct CallerCertificates: Sendable, Hashable {
    /// Whether those without a certificate are refused.
    package var isRequired: Bool
    /// Who vouches for callers.
    package var authorities: [AuthoritySource]
    /// The trust domain whose workloads callers are, or nil when they are only vouched for.
    package var trustDomain: String?

    /// What callers must show, of the given parts.
    package init(isRequired: Bool, authorities: [AuthoritySource], trustDomain: String? = nil) {
        self.isRequired = isRequired
        self.authorities = authorities
        self.trustDomain = trustDomain
    }
}

extension Snapshot {
    /// The files with certificates, keys and authorities that it needs, each once, sorted.
    package var certificateFiles: [String] {
        var files: Set<String> = []
        for tls in ports.flatMap(\.listeners).compactMap(\.tls) {
            files.formUnion(tls.certificate.files)
            for authority in tls.callers?.authorities ?? [] { files.formUnion(authority.files) }
        }
        return files.sorted()
    }
}
