// SPDX-License-Identifier: Apache-2.0

/// The fields of `OverloadPolicy.spec`.
enum OverloadPolicyShape {
    static let spec: [Field] = [
        Field(
            "targetRefs", .someOf(.object(target), atMost: 16), required: true,
            "the Backends that it applies to, in its own namespace; each has bounds of its own"),
        Field(
            "concurrency", .object(concurrency),
            "how many requests a Backend works on at once; found by measuring where nothing is "
                + "written"),
        Field("queue", .object(queue), "who waits for a place, and for how long"),
        Field(
            "priorities", .list(.object(priority), atMost: 16),
            "which requests go first; the first whose condition holds counts, and 0 without one"),
    ]

    private static let target: [Field] = [
        Field("group", .choice(["pinion.dev"]), required: true, "the API group of the target"),
        Field(
            "kind",
            .choice(
                ["Backend"],
                refused: [
                    .init("Model", "target the Backends that serve the Model"),
                    .init("HTTPRoute", "target the Backends that the route leads to"),
                    .init("Gateway", "target the Backends that it leads to"),
                ]),
            required: true, "the kind of the target"),
        Field("name", .text(.subdomain), required: true, "the name of the target"),
        .refused("sectionName", "target the whole resource"),
    ]

    private static let concurrency: [Field] = [
        Field(
            "limit", .integer(1...1_000_000),
            "requests at once, a number that does not change; excludes all others here"),
        Field("min", .integer(1...1_000_000), fallback: "1", "never fewer are let in"),
        Field("max", .integer(1...1_000_000), fallback: "1000", "never more are let in"),
        Field("initial", .integer(1...1_000_000), fallback: "8", "the number at the beginning"),
        Field(
            "tolerancePercent", .integer(101...10_000), fallback: "300",
            "how long answers may take to begin, in percent of what they take without load"),
        Field(
            "slack", .duration, fallback: "50ms",
            "what is tolerated above that; keeps very short times from being noise"),
    ]

    private static let queue: [Field] = [
        Field(
            "length", .integer(0...100_000), fallback: "1000",
            "requests that wait for one Backend, at most; 0 for none"),
        Field("timeout", .duration, fallback: "5s", "the longest that a request waits"),
        Field(
            "target", .duration, fallback: "500ms",
            "the longest that most wait while the queue never gets empty; the newest then goes "
                + "first"),
    ]

    private static let priority: [Field] = [
        Field("name", .text(.label), required: true, "its name, unique in the policy"),
        Field(
            "priority", .integer(-1000...1000), required: true,
            "the higher goes first; below 0 a request never waits"),
        Field(
            "when", .text(.expression), required: true,
            "a condition in CEL over the facts of Docs/facts.md, `destination` excepted; one that "
                + "cannot be evaluated does not hold"),
    ]
}
