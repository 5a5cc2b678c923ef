// SPDX-License-Identifier: Apache-2.0

/// The fields of `PolicyEngine.spec`.
enum PolicyEngineShape {
    static let spec: [Field] = [
        Field(
            "protocol", .choice(["ExtAuthzGRPC", "ExtAuthzHTTP", "OPA"]), required: true,
            "how it is spoken to: Envoy's external authorisation (ext_authz) over gRPC or HTTP, "
                + "or the data API of the Open Policy Agent"),
        Field(
            "backendRef", .object(ReferenceShape.modelBackend), required: true,
            "the Backend where it is reached; its TLS, credential, health checks and balancing "
                + "hold"),
        Field(
            "path", .text(.absolutePath),
            "for OPA the document, `/v1/data/…`; for ExtAuthzHTTP what is put in front of the "
                + "caller's path"),
        Field("timeout", .duration, fallback: "200ms", "how long its answer is waited for"),
        Field(
            "failureMode", .choice(["deny", "allow"]), fallback: "deny",
            "what happens to a request when it gives no answer in time, or none at all"),
        Field(
            "statusOnError", .integer(400...599), fallback: "503",
            "what a caller gets whose request is refused because it gave no answer"),
        Field(
            "facts", .list(.text(.line), atMost: 64),
            fallback: "for OPA every fact that is known at the head, else none",
            "what it is told beside the head: facts of Docs/facts.md, or groups of them (`ai`); "
                + "it is asked when all of them are known"),
        Field(
            "headers", .list(.text(.line), atMost: 64),
            fallback: "`*`, for ExtAuthzHTTP `authorization`",
            "the header fields that it is told; `*` for every one"),
        Field(
            "upstreamHeaders", .list(.text(.headerName), atMost: 64),
            "for ExtAuthzHTTP the fields of its answer that go on to the backend"),
        Field("cache", .object(cache), "keeps its answers, a yes and a no"),
    ]

    private static let cache: [Field] = [
        Field("ttl", .duration, required: true, "how long an answer is good"),
        Field(
            "entries", .integer(1...1_000_000), fallback: "10000",
            "answers that each event loop keeps; the one used longest ago goes first"),
        Field(
            "key", .someOf(.text(.expression), atMost: 16), required: true,
            "expressions in CEL: requests for which all have the same values get the same "
                + "answer, so name everything that its policy goes by; a request for which one "
                + "has no value is always asked about"),
    ]
}
