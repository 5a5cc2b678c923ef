// SPDX-License-Identifier: Apache-2.0

/// The fields of `AttestationVerifier.spec`.
enum AttestationVerifierShape {
    static let spec: [Field] = [
        Field("issuer", .text(.line), required: true, "the value of `iss` of its statements"),
        Field(
            "jwksFile", .text(.line), required: true,
            "a file with its public keys (JWKS), read again when it changes"),
        Field(
            "audiences", .list(.text(.line), atMost: 16),
            "values of `aud` of which a statement must have one; absent takes every one"),
        Field(
            "algorithms", .someOf(.choice(algorithms, refused: refused), atMost: 10),
            fallback: "[ES256, ES384, PS256, RS256, EdDSA]", "how statements may be signed"),
        Field(
            "maxAge", .duration,
            "how long a statement counts after its `iat`, whatever its `exp` says; must be there "
                + "for statements without `exp`"),
        Field(
            "require", .text(.expression),
            "CEL over `claims`: what a statement must say to count at all, as "
                + "`claims.dbgstat == 'disabled'`; one that cannot be evaluated does not count"),
        Field(
            "measurements", .text(.expression),
            "CEL over `claims`: the measurements in a statement, a text or a list of texts, as "
                + "`claims['x-launch-measurement']`"),
    ]

    /// `evidence` of Backends and their endpoints.
    static let evidence: [Field] = [
        Field(
            "verifier", .text(.subdomain), required: true,
            "the AttestationVerifier that signed it, in the namespace of the Backend"),
        Field(
            "file", .text(.line), required: true,
            "the file that holds it, a signed token (JWT, EAT); read again when it changes"),
        Field("subject", .text(.line), "the `sub` or `ueid` that it must have"),
    ]

    private static let algorithms = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    ]

    private static let refused: [Shape.Refused] = ["none", "HS256", "HS384", "HS512"].map {
        .init($0, "what everybody can sign is no evidence: use ES256 or EdDSA")
    }
}
