// SPDX-License-Identifier: Apache-2.0

/// The fields of `Certificate.spec`.
enum CertificateShape {
    static let spec: [Field] = [
        Field(
            "certificateFile", .text(.line), required: true,
            "a PEM file of the certificate, and behind it those that lead to its authority; read "
                + "again when it changes"),
        Field(
            "privateKeyFile", .text(.line), required: true,
            "a PEM file of its private key, without a passphrase; read again when it changes"),
    ]
}

/// The fields of `TrustDomain.spec`.
///
/// **Source** SPIFFE-ID section 2.1 (trust domain); SPIFFE Trust Domain and Bundle section 3.
enum TrustDomainShape {
    static let spec: [Field] = [
        Field(
            "trustDomain", .text(.line), required: true,
            "its name: `example.org` of `spiffe://example.org/ns/prod/agent`"),
        Field(
            "bundleFile", .text(.line), required: true,
            "a PEM file of its authorities; read again when it changes"),
    ]
}
