// SPDX-License-Identifier: Apache-2.0

/// The fields of `Backend.spec`.
enum BackendShape {
    static let spec: [Field] = [
        Field(
            "dialect", .choice(["HTTP", "OpenAI"]), fallback: "HTTP",
            "what its endpoints speak; `OpenAI` for the OpenAI API, whoever serves it"),
        Field(
            "provider", .text(.line), fallback: "\"\", for OpenAI `openai`",
            "what metrics call it (`gen_ai.provider.name`): `openai`, `vllm`"),
        Field(
            "endpoints", .someOf(.object(endpoint), atMost: 10_000),
            "its addresses; one of `endpoints`, `dns` and `url` must be there"),
        Field("dns", .object(dns), "a name whose addresses are its endpoints"),
        Field(
            "url", .text(.url),
            "`http[s]://host[:port][/base]`; for OpenAI the base stands for `/v1`"),
        Field(
            "appProtocol",
            .choice(
                ["http", "http2", "kubernetes.io/h2c"],
                refused: [
                    .init("https", "write `http` or `http2`, and `tls`"),
                    .init("grpc", "write `http2`, which gRPC is spoken over"),
                    .init("kubernetes.io/ws", "remove it: WebSocket needs no setting"),
                    .init("kubernetes.io/wss", "write `tls`: WebSocket needs no setting"),
                ]), fallback: "http",
            "what it is spoken to in: `http` for HTTP/1.1, `http2` for HTTP/2, which gRPC needs; "
                + "`kubernetes.io/h2c` is `http2` without `tls`"),
        Field(
            "labels", .labels,
            "what is known about all of its endpoints, whose own labels go before: "
                + "`region: eu-west`, `zone`, `jurisdiction: EU`, `hardware`"),
        Field(
            "evidence", .object(AttestationVerifierShape.evidence),
            "what a verifier said about all of its endpoints that have none of their own"),
        Field("tls", .object(tls), "encryption towards it; an `https` URL implies it"),
        Field("hostHeader", .text(.line), "the `Host` it is sent; a URL implies it"),
        Field("pathPrefix", .text(.absolutePath), "what is put in front of every path"),
        Field("credential", .object(credential), "the credential it is sent"),
    ]

    private static let endpoint: [Field] = [
        Field("address", .text(.endpointAddress), required: true, "an IP address or `localhost`"),
        Field("port", .port, required: true, "its port"),
        Field("weight", .integer(0...1000), fallback: "1", "its share; 0 takes no traffic"),
        Field("labels", .labels, "what is known about it: `region: eu-west`"),
        Field(
            "evidence", .object(AttestationVerifierShape.evidence),
            "what a verifier said about it; goes before that of the Backend"),
    ]

    private static let dns: [Field] = [
        Field("hostname", .text(.preciseHostname), required: true, "the name to resolve"),
        Field("port", .port, required: true, "the port of every address"),
        Field("refresh", .duration, fallback: "30s", "how often it is resolved again"),
    ]

    private static let tls: [Field] = [
        Field(
            "serverName", .text(.preciseHostname),
            "the name the certificate must have; absent for the name that is connected to"),
        Field("caFile", .text(.line), "a PEM file of authorities; absent for the system's"),
    ]

    private static let credential: [Field] = [
        Field("env", .text(.environmentName), "the environment variable that holds it"),
        Field(
            "file", .text(.line),
            "the file that holds it, read again when it changes"),
        Field(
            "secretRef", .object(secret), "the Secret that holds it, in the Backend's namespace"),
        Field(
            "header", .text(.headerName), fallback: "authorization", "the header that carries it"),
        Field(
            "prefix", .text(.headerValue), fallback: "\"Bearer \" for authorization, else \"\"",
            "what stands in front of it"),
    ]

    private static let secret: [Field] = [
        Field("name", .text(.subdomain), required: true, "the name of the Secret"),
        Field("key", .text(.line), required: true, "the name of the value in it"),
    ]
}

/// The fields of `Model.spec`.
enum ModelShape {
    static let spec: [Field] = [
        Field(
            "parentRefs", .list(.object(ReferenceShape.parent), atMost: 32),
            fallback: "every Gateway of its namespace", "the Gateways that offer it"),
        Field(
            "modelName", .text(.line), fallback: "metadata.name",
            "the name callers use; `*` for every name no other Model has"),
        Field("aliases", .list(.text(.line), atMost: 64), "further names for it"),
        Field(
            "targets", .someOf(.object(weightedTarget), atMost: 64), required: true,
            "what serves it, by weight"),
        Field(
            "fallbacks", .list(.object(target), atMost: 16),
            "what is tried, in order, when the chosen target cannot serve"),
        Field(
            "mirrors", .list(.object(mirror), atMost: 4),
            "what gets copies of its requests; no caller sees their answers"),
        Field(
            "price", .object(price),
            "what its tokens cost; a target or fallback with a price of its own has that"),
        Field("owner", .text(.line), fallback: "pinion", "`owned_by` in the list of models"),
    ]

    private static let target: [Field] = [
        Field(
            "backendRef", .object(ReferenceShape.modelBackend), required: true,
            "a Backend with `dialect: OpenAI`"),
        Field("model", .text(.line), "its name there; absent keeps the caller's"),
        Field("price", .object(price), fallback: "that of the Model", "what its tokens cost there"),
        Field(
            "capabilities", .object(capabilities),
            "what it can do there; a request that asks for more goes to another one"),
    ]

    private static let mirror: [Field] = [
        Field(
            "backendRef", .object(ReferenceShape.modelBackend), required: true,
            "a Backend with `dialect: OpenAI`"),
        Field("model", .text(.line), "its name there; absent keeps the caller's"),
        Field("price", .object(price), fallback: "that of the Model", "what its tokens cost there"),
        Field("percent", .integer(0...100), fallback: "100", "the share that is copied"),
    ]

    private static let capabilities: [Field] = [
        Field(
            "contextTokens", .integer(1...1_000_000_000),
            "tokens of prompt and answer together; absent for not known"),
        Field(
            "outputTokens", .integer(1...1_000_000_000),
            "tokens of an answer; absent for not known"),
        Field("tools", .boolean, fallback: "true", "whether it calls tools"),
        Field("vision", .boolean, fallback: "true", "whether it sees images"),
        Field(
            "jsonMode", .boolean, fallback: "true",
            "whether it writes JSON on demand: `response_format`, a schema, a grammar"),
        Field(
            "prefill",
            .choice(["None", "AssistantMessage", "ContinueFinalMessage", "PrefixFlag"]),
            fallback: "by `provider` of the Backend, else `None`",
            "how it is told what was said already when it goes on with an answer: by a last "
                + "message of the assistant, by the same with `continue_final_message` (vLLM, "
                + "SGLang), or by the same with `prefix` (Mistral, DeepSeek)"),
    ]

    private static let price: [Field] = [
        Field(
            "inputPerMillion", .decimal(atMost: 1_000_000), required: true,
            "for a million tokens that are read"),
        Field(
            "outputPerMillion", .decimal(atMost: 1_000_000), required: true,
            "for a million tokens that are written"),
        Field(
            "cachedInputPerMillion", .decimal(atMost: 1_000_000), fallback: "inputPerMillion",
            "for a million tokens that are read from a cache"),
        Field("currency", .text(.currency), fallback: "USD", "the currency"),
    ]

    private static let weightedTarget: [Field] =
        target + [
            Field(
                "weight", .integer(0...1_000_000), fallback: "1",
                "its share, relative to the sum of all")
        ]
}
