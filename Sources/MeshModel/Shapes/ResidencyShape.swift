// SPDX-License-Identifier: Apache-2.0

/// The fields of `ResidencyPolicy.spec`.
enum ResidencyPolicyShape {
    static let spec: [Field] = [
        Field(
            "label", .text(.label), required: true,
            "the data label that it is about, one name in the whole mesh; several policies may be "
                + "about one label, and hold together"),
        Field(
            "sources", .list(.object(source), atMost: 16),
            "what a request that carries the label is known by; any of them is enough"),
        Field(
            "targetRefs", .list(.object(target), atMost: 64),
            "what gives the label to every request for it, in its own namespace"),
        Field(
            "allow", .object(allow), required: true,
            "where the data may go; every field that is there must hold"),
    ]

    private static let source: [Field] = [
        Field(
            "header", .text(.headerName),
            "a request header that lists labels with commas between them; a name that no policy "
                + "is about refuses the request"),
        Field(
            "expression", .text(.expression),
            "CEL over the facts of Docs/facts.md: true or false, the name of a label, or a list "
                + "of names; one that cannot be evaluated gives the label"),
        Field(
            "collections", .someOf(.text(.line), atMost: 64),
            "collections of a vector store that hold such data, `patients-*` for all that begin "
                + "with `patients-`; a request for one of them carries the label"),
        Field(
            "collectionPath", .text(.absolutePath), fallback: "`/collections/{collection}`",
            "how a path begins that names a collection, with `{collection}` in place of its name "
                + "and `*` in place of a segment that may be anything"),
        Field(
            "classifier", .object(classifier),
            "a service of yours that is shown the body of each request for a model and answers "
                + "with labels; while it gives no answer, every request carries the label"),
    ]

    private static let classifier: [Field] = [
        Field(
            "backendRef", .object(ReferenceShape.modelBackend), required: true,
            "the Backend where it is reached, which must be where the data of its own labels may "
                + "be"),
        Field(
            "path", .text(.absolutePath), fallback: "`/`",
            "the path that it is asked at, with POST"),
        Field("timeout", .duration, fallback: "500ms", "how long its answer is waited for"),
        Field("cache", .object(cache), "keeps its answers by the SHA-256 of the text"),
    ]

    private static let cache: [Field] = [
        Field("ttl", .duration, required: true, "how long an answer is good"),
        Field(
            "entries", .integer(1...1_000_000), fallback: "10000",
            "answers that each event loop keeps; the one used longest ago goes first"),
    ]

    private static let target: [Field] = [
        Field(
            "group", .choice(["gateway.networking.k8s.io", "pinion.dev"]), required: true,
            "the API group of the target"),
        Field(
            "kind", .choice(["Gateway", "HTTPRoute", "GRPCRoute", "Model"]), required: true,
            "the kind of the target"),
        Field("name", .text(.subdomain), required: true, "the name of the target"),
        .refused("sectionName", "target the whole resource"),
    ]

    private static let allow: [Field] = [
        Field(
            "anywhere", .boolean, fallback: "false",
            "`true`, alone, for a label that is known and restricts nothing"),
        Field(
            "regions", .someOf(.text(.line), atMost: 64),
            "regions, compared with the label `region` of endpoints; `eu-*` for all that begin "
                + "with `eu-`"),
        Field(
            "jurisdictions", .someOf(.text(.line), atMost: 64),
            "jurisdictions, compared with the label `jurisdiction` of endpoints; one that is "
                + "subject to several must be allowed in each"),
        Field(
            "providers", .someOf(.text(.line), atMost: 64), "values of `provider` of Backends"),
        Field(
            "attestation", .object(attestation),
            "evidence that an endpoint must have; when it has expired, nothing more goes there"),
    ]

    private static let attestation: [Field] = [
        Field(
            "verifiers", .someOf(.text(.subdomain), atMost: 16), required: true,
            "the AttestationVerifiers whose word counts, in its own namespace"),
        Field(
            "measurements", .someOf(.text(.line), atMost: 256),
            "measurements of which the evidence must have one; absent takes every one"),
    ]
}
