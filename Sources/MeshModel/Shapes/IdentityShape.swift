// SPDX-License-Identifier: Apache-2.0

/// The fields of `IdentityProvider.spec`.
enum IdentityProviderShape {
    static let spec: [Field] = [
        Field(
            "targetRefs", .someOf(.object(target), atMost: 16), required: true,
            "what it applies to, in its own namespace; of an HTTPRoute, its listener and its "
                + "Gateway only the first that has any counts"),
        Field(
            "optional", .boolean, fallback: "false",
            "whether requests without a credential pass, as nobody's; a wrong one never does"),
        Field(
            "forward", .boolean, fallback: "false",
            "whether the credential goes on to Backends that have none of ours"),
        Field(
            "jwt", .object(jwt),
            "tokens of an issuer; one of `jwt`, `apiKeys` and `clientCertificate` must be there"),
        Field("apiKeys", .object(apiKeys), "keys made by `pinion key create`"),
        Field(
            "clientCertificate", .object([]),
            "`{}`: the certificate of a TrustDomain that the caller connects with; its listeners "
                + "must ask for one"),
    ]

    private static let target: [Field] = [
        Field(
            "group", .choice(["gateway.networking.k8s.io", "pinion.dev"]), required: true,
            "the API group of the target"),
        Field(
            "kind",
            .choice(
                ["Gateway", "HTTPRoute", "GRPCRoute", "Model"],
                refused: [
                    .init("Backend", "target the HTTPRoute or Model that leads to the Backend")
                ]),
            required: true, "the kind of the target"),
        Field("name", .text(.subdomain), required: true, "the name of the target"),
        Field(
            "sectionName", .text(.subdomain),
            "one listener of a Gateway; absent for every one"),
    ]

    private static let jwt: [Field] = [
        Field(
            "issuer", .text(.line), required: true,
            "the value of `iss`, and where its keys are found by OpenID Connect Discovery"),
        Field(
            "audiences", .list(.text(.line), atMost: 16),
            "values of `aud` of which a token must have one; absent takes every token of the "
                + "issuer, also those for other services"),
        Field(
            "algorithms", .someOf(.choice(algorithms, refused: refusedAlgorithms), atMost: 10),
            fallback: "[RS256, PS256, ES256, EdDSA]",
            "how tokens may be signed; what a token asks for itself counts only within these"),
        Field(
            "tokenTypes", .someOf(.text(.line), atMost: 8), fallback: "[JWT, at+jwt]",
            "values of `typ` that are taken; `[at+jwt]` for access tokens of RFC 9068 only"),
        Field(
            "jwksUri", .text(.url),
            "where the issuer publishes its keys; absent for what its discovery document says"),
        Field(
            "jwksFile", .text(.line),
            "a file with the issuer's keys, read again when it changes; then nothing is fetched"),
        Field("caFile", .text(.line), "a PEM file of authorities; absent for the system's"),
        Field(
            "clockSkew", .duration, fallback: "60s", "how far clocks may differ; at most `5m`"),
        Field("refresh", .duration, fallback: "5m", "how often keys are fetched; at least `10s`"),
        Field(
            "maxStale", .duration, fallback: "24h",
            "how long keys are used that could not be fetched again; then tokens are refused"),
    ]

    private static let algorithms = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    ]

    private static let refusedAlgorithms: [Shape.Refused] =
        [.init("none", "a token without a signature says nothing: have its issuer sign it")]
        + ["HS256", "HS384", "HS512"].map {
            .init($0, "with a shared secret everybody who checks can sign: use RS256 or ES256")
        }

    private static let apiKeys: [Field] = [
        Field(
            "file", .text(.line), required: true,
            "the file of hashed keys; `pinion key create` makes it, and changes hold at once")
    ]
}

/// The fields of a `Secret`, beside `metadata`.
///
/// **Source** Kubernetes API reference, `Secret` of `v1`.
enum SecretShape {
    static let fields: [Field] = [
        Field("type", .text(.line), fallback: "Opaque", "what it is for; not read"),
        Field("immutable", .boolean, "whether it may change; not read"),
        Field("data", .secrets, "names with values in base64"),
        Field("stringData", .secrets, "names with values as they are"),
    ]
}
