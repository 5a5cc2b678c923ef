// SPDX-License-Identifier: Apache-2.0

/// What a fleet file may hold.
enum FleetShape {
    static let apiVersion = "pinion.dev/v1alpha1"
    static let kind = "Fleet"

    static let document = Shape.object([
        Field("apiVersion", .choice([apiVersion]), required: true, "the version of the kind"),
        Field("kind", .choice([kind]), required: true, "the kind"),
        Field(
            "metadata",
            .object([
                Field("name", .text(.subdomain), required: true, "what the fleet is called")
            ]), required: true, "its name"),
        Field("spec", .object(spec), required: true, "the machines"),
    ])

    private static let spec: [Field] = [
        Field(
            "servers", .someOf(.object(server), atMost: 10_000), required: true,
            "which endpoints are what machines; of several entries that fit, the one with an "
                + "`endpoint` counts, and else the first"),
        Field(
            "names", .list(.object(name), atMost: 1000),
            "how many made-up addresses stand for a DNS name"),
        Field("network", .object(network), "the way between callers, proxy and servers"),
    ]

    private static let server: [Field] = [
        Field(
            "backend", .text(.line), required: true,
            "the Backend: `name`, `namespace/name`, or `*` for every one without an entry"),
        Field(
            "endpoint", .text(.line),
            "one of its endpoints, `address:port`; absent for all that have no entry"),
        Field("profile", .text(.line), required: true, "the machine: the name of a profile"),
        Field("engine", .object(engine), "what differs from the profile"),
        Field("faults", .list(.object(fault), atMost: 1000), "what goes wrong, and when"),
    ]

    /// The coefficients that may differ from a profile, as whole numbers.
    private static let engine: [Field] = [
        Field(
            "frontEndMicroseconds", .integer(0...60_000_000),
            "from a request's arrival to the scheduler"),
        Field("stepBaseMicroseconds", .integer(0...60_000_000), "the fixed part of a step"),
        Field(
            "perSequenceNanoseconds", .integer(0...1_000_000_000),
            "what each decoding sequence adds to a step"),
        Field(
            "perContextTokenPicoseconds", .integer(0...1_000_000_000),
            "what each token of decoding context adds to a step"),
        Field(
            "prefillTokensPerSecond", .integer(1...1_000_000_000),
            "prompt tokens a second in full chunks"),
        Field(
            "perAttentionPairPicoseconds", .integer(0...1_000_000_000),
            "for each pair of a new prompt token and one it looks back at"),
        Field("cacheTokens", .integer(16...1_000_000_000), "tokens whose state fits in memory"),
        Field(
            "contextTokensMax", .integer(1...100_000_000),
            "the longest prompt and answer together"),
        Field(
            "batchedTokensMax", .integer(1...10_000_000), "the most tokens computed in a step"),
        Field("sequencesMax", .integer(1...100_000), "the most sequences in the batch"),
        Field("waitingMax", .integer(0...10_000_000), "the most requests that wait"),
        Field("jitterPermille", .integer(0...1000), "how far a step strays, in thousandths"),
    ]

    private static let fault: [Field] = [
        Field(
            "kind", .choice(FleetDocument.Fault.Kind.allCases.map(\.rawValue)), required: true,
            "what goes wrong"),
        Field("at", .duration, fallback: "0s", "when it begins"),
        Field("for", .duration, "how long it lasts; absent for ever"),
        Field(
            "permille", .integer(1...1000), fallback: "1000",
            "how many in a thousand answers it strikes; a `crash` and `refuse` strike all"),
        Field("status", .integer(400...599), fallback: "503", "the status of `errors`"),
        Field("by", .duration, fallback: "500ms", "how late answers of `slow` begin"),
    ]

    private static let name: [Field] = [
        Field("hostname", .text(.preciseHostname), required: true, "the name in a Backend"),
        Field("addresses", .integer(1...1000), required: true, "how many addresses it has"),
    ]

    private static let network: [Field] = [
        Field(
            "callersMicroseconds", .integer(0...60_000_000), fallback: "1000",
            "the way from a caller to the proxy"),
        Field(
            "serversMicroseconds", .integer(0...60_000_000), fallback: "100",
            "the way from the proxy to a server"),
        Field(
            "jitterMicroseconds", .integer(0...60_000_000), fallback: "0",
            "up to this much is added to either"),
        Field(
            "lossPermille", .integer(0...500), fallback: "0",
            "segments in a thousand that are lost and sent again"),
    ]
}
