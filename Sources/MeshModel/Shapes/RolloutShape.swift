// SPDX-License-Identifier: Apache-2.0

/// The fields of `Rollout.spec`.
enum RolloutShape {
    static let spec: [Field] = [
        Field(
            "targetRef", .object(target), required: true,
            "whose weighted targets are shifted, in its own namespace; one Rollout each"),
        Field(
            "stable", .text(.line), required: true,
            "the target that serves now: the name of its `backendRef`, for a Model with several "
                + "targets on one Backend `BACKEND/MODEL`"),
        Field(
            "canary", .text(.line), required: true,
            "the target that is to take its place, named in the same way"),
        Field(
            "steps", .someOf(.object(step), atMost: 32), required: true,
            "the shares that the canary gets one after the other; behind the last it gets all"),
        Field("analysis", .object(analysis), "what must hold in every step"),
        Field(
            "onFailure", .choice(["rollback", "pause"]), fallback: "rollback",
            "what follows when a check fails: the stable target gets everything, or the share "
                + "stays until a person decides"),
        Field(
            "inconclusiveAfter", .duration, fallback: "1h",
            "how long a step may go on past its `hold` for want of requests or of an answer"),
        Field(
            "onInconclusive", .choice(["pause", "rollback"]), fallback: "pause",
            "what follows then"),
    ]

    private static let target: [Field] = [
        Field(
            "group", .choice(["gateway.networking.k8s.io", "pinion.dev"]), required: true,
            "the API group of the target"),
        Field(
            "kind", .choice(["Model", "HTTPRoute", "GRPCRoute"]), required: true,
            "the kind of the target"),
        Field("name", .text(.subdomain), required: true, "the name of the target"),
        Field(
            "sectionName", .text(.subdomain),
            "one rule of a route, by its name; absent for all that have both targets"),
    ]

    private static let step: [Field] = [
        Field(
            "weight", .integer(1...100), required: true,
            "the canary's share in percent of what both targets get"),
        Field("hold", .duration, fallback: "0s", "how long the step lasts at least"),
        Field(
            "minRequests", .integer(0...1_000_000_000), fallback: "0",
            "requests that the canary must have had in it"),
        Field(
            "pause", .boolean, fallback: "false",
            "whether a person says when it is over, with `pinion rollout promote`"),
    ]

    private static let analysis: [Field] = [
        Field(
            "confidence", .decimal(atMost: 99), fallback: "95",
            "how sure, in percent, a check must be to end a step, all looks and checks together; "
                + "at least 50"),
        Field(
            "window", .duration, fallback: "5m",
            "the stretch that is judged by itself, beside the whole step, so that a good beginning "
                + "hides no bad end; at least `10s`"),
        Field(
            "errors", .object(errors),
            "the share of requests that were not served: attempts that failed, answers that broke "
                + "off, statuses of 400 and above but for 400, 413 and 422"),
        Field(
            "timeToFirstToken", .object(time),
            "a percentile of the times from the request to the first token of streams"),
        Field(
            "latency", .object(time),
            "a percentile of the times from the request to the end of the answer"),
        Field(
            "tokens", .object(tokens), "tokens of a request on average, read and written"),
        Field("cost", .object(cost), "the cost of a request on average"),
    ]

    private static let errors: [Field] = [
        Field(
            "maxIncrease", .decimal(atMost: 100), fallback: "1 without `max`",
            "percentage points by which the canary may be above the stable target"),
        Field("max", .decimal(atMost: 100), "the most in percent, whatever the stable target has"),
        samples("20"),
    ]

    private static let time: [Field] = [
        Field("percentile", .integer(50...99), fallback: "95", "which percentile"),
        percentOfStable,
        Field("max", .duration, "the most, whatever the stable target has"),
        samples("100"),
    ]

    private static let tokens: [Field] = [
        percentOfStable,
        Field(
            "max", .integer(1...1_000_000_000), "the most, whatever the stable target has"),
        samples("100"),
    ]

    private static let cost: [Field] = [
        percentOfStable,
        Field(
            "max", .decimal(atMost: 1_000_000), "the most, whatever the stable target has"),
        samples("100"),
    ]

    private static let percentOfStable = Field(
        "percentOfStable", .integer(50...10_000),
        "the most in percent of what the stable target has at the same time")

    private static func samples(_ fallback: String) -> Field {
        Field(
            "minSamples", .integer(1...1_000_000), fallback: fallback,
            "observations of each target below which nothing is said")
    }
}
