// SPDX-License-Identifier: Apache-2.0

/// The fields of `LimitPolicy.spec`.
enum LimitPolicyShape {
    static let spec: [Field] = [
        Field(
            "targetRefs", .someOf(.object(target), atMost: 16), required: true,
            "what it applies to, in its own namespace; all targets share one amount"),
        Field(
            "limits", .someOf(.object(limit), atMost: 16), required: true,
            "the limits; all that apply to a request, of this policy and others, hold together"),
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
        .refused("sectionName", "target the whole resource"),
    ]

    private static let limit: [Field] = [
        Field("name", .text(.label), required: true, "its name, unique in the policy"),
        Field(
            "requests", .integer(1...1_000_000_000_000),
            "requests that may go on; one of `requests`, `tokens` and `cost` must be there"),
        Field(
            "tokens", .integer(1...1_000_000_000_000),
            "tokens that may be read and written; only for what leads to a Model"),
        Field(
            "cost", .decimal(atMost: 1_000_000),
            "money that may be spent; only for Models with a `price`"),
        Field("currency", .text(.currency), fallback: "USD", "the currency of `cost`"),
        Field(
            "per", .duration, required: true,
            "the time in which the amount comes back, evenly; at most `744h`"),
        Field(
            "burst", .decimal(atMost: 1_000_000_000), fallback: "the whole amount",
            "what may be used at once after a time without use"),
        Field(
            "key", .oneOrSome(.text(.limitKey), atMost: 4), fallback: "global",
            "what is counted apart: `identity` (whom an IdentityProvider knows the caller by), "
                + "`source` (its address), `header:NAME`, `model`; `global` for nothing"),
        Field(
            "mode", .choice(["enforce", "audit"]), fallback: "enforce",
            "`audit` counts and logs what would be refused, and refuses nothing"),
        Field(
            "keysMax", .integer(1...1_000_000), fallback: "10000",
            "keys that each event loop remembers; of more, those that lose least are forgotten"),
    ]
}
