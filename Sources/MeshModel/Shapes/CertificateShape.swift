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

/// The fields of `BackendTLSPolicy.spec`.
///
/// **Source** https://gateway-api.sigs.k8s.io/reference/spec/#backendtlspolicyspec
enum BackendTLSPolicyShape {
    static let spec: [Field] = [
        Field(
            "targetRefs", .someOf(.object(target), atMost: 16), required: true,
            "the Backends that are spoken to in TLS"),
        Field("validation", .object(validation), required: true, "who they must prove to be"),
        .refused("options", "remove it: there are none"),
    ]

    private static let target: [Field] = [
        Field(
            "group",
            .choice(
                ["pinion.dev"], refused: [.init("", "write `group: pinion.dev` and a `Backend`")]),
            required: true, "the API group"),
        Field(
            "kind",
            .choice(
                ["Backend"],
                refused: [.init("Service", "write `group: pinion.dev` and `kind: Backend`")]),
            required: true, "the kind"),
        Field("name", .text(.subdomain), required: true, "its name"),
        .refused("sectionName", "remove it: a Backend has no sections"),
    ]

    private static let validation: [Field] = [
        Field(
            "caCertificateRefs", .list(.object(ReferenceShape.authority), atMost: 8),
            "who vouches for them: Secrets with `ca.crt`, or a TrustDomain; this or "
                + "`wellKnownCACertificates` must be there"),
        Field(
            "wellKnownCACertificates", .choice(["System"]),
            "`System` for the system's authorities"),
        Field(
            "hostname", .text(.preciseHostname), required: true,
            "the host that is asked for (SNI) and, without `subjectAltNames`, that the "
                + "certificate must be for"),
        Field(
            "subjectAltNames", .list(.object(name), atMost: 5),
            "names of which the certificate must have one"),
    ]

    private static let name: [Field] = [
        Field("type", .choice(["Hostname", "URI"]), required: true, "which of the two it is"),
        Field("hostname", .text(.hostname), "a host"),
        Field("uri", .text(.line), "a URI: `spiffe://example.org/ns/prod/sa/model`"),
    ]
}
