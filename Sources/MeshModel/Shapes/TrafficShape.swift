// SPDX-License-Identifier: Apache-2.0

/// The settings that `TrafficPolicy.spec` and `Mesh.spec.defaults` share.
enum TrafficShape {
    static let settings: [Field] = [
        Field("timeouts", .object(timeouts), "time limits"),
        Field("retry", .object(retry), "what is tried again; for Gateways, routes and Models"),
        Field(
            "continuation", .object(continuation),
            "whether a stream that broke off goes on elsewhere; for Gateways, routes and Models"),
        Field(
            "hedging", .object(hedging),
            "when another endpoint is asked beside a slow one; for Gateways, routes and Models"),
        Field(
            "sticky", .object(sticky),
            "whether a caller keeps its target where several are chosen from by weight; for "
                + "Gateways, routes and Models"),
        Field(
            "comparison", .object(comparison),
            "whether the answers of mirrors are compared with those that callers get; for "
                + "Gateways, routes and Models"),
        Field("balancing", .object(balancing), "how endpoints are chosen; for Backend"),
        Field("healthCheck", .object(healthCheck), "how endpoints are probed; for Backend"),
        Field(
            "outlierDetection", .object(outlier),
            "when endpoints are left out because of their answers; for Backend"),
        Field(
            "coolDown", .object(coolDown),
            "what becomes of pauses that model servers ask for (429, `Retry-After`); for Backend"),
        Field(
            "locality", .object(locality),
            "where the proxy is, so that near endpoints are preferred; for Backend"),
        Field(
            "drain", .object(drain),
            "regions and zones whose endpoints get nothing new; for Backend"),
        Field(
            "slowStart", .object(slowStart),
            "how an endpoint that was out gets its share again; for Backend"),
        Field("connections", .object(connections), "idle connections that are kept; for Backend"),
    ]

    private static let timeouts: [Field] = [
        Field("connect", .duration, fallback: "5s", "to connect to an endpoint, TLS included"),
        Field("request", .duration, fallback: "0s", "of the whole exchange; `0s` for none"),
        Field("backendRequest", .duration, fallback: "0s", "of one attempt; `0s` for none"),
        Field("firstByte", .duration, fallback: "60s", "until an answer begins; `0s` for none"),
        Field(
            "streamIdle", .duration, fallback: "30s",
            "between two pieces of an answer; `0s` for none"),
    ]

    private static let retry: [Field] = [
        Field(
            "attempts", .integer(1...100), fallback: "2",
            "attempts on one target, the first one included"),
        Field(
            "attemptsInAll", .integer(1...100), fallback: "8",
            "attempts on all targets of a Model together, until an answer begins"),
        Field(
            "on",
            .list(
                .choice(["connect-failure", "reset", "timeout", "invalid-answer"]), atMost: 4),
            fallback: "[connect-failure, reset, timeout, invalid-answer]",
            "failures that are tried elsewhere"),
        Field(
            "statuses", .list(.integer(400...599), atMost: 64), fallback: "[502, 503, 504]",
            "statuses that are tried elsewhere"),
        Field("backoff", .object(backoff), "pauses between attempts"),
        Field("budget", .object(budget), "bounds on retries in all"),
    ]

    private static let backoff: [Field] = [
        Field("base", .duration, fallback: "25ms", "the first pause; doubles each time"),
        Field("max", .duration, fallback: "1s", "the longest pause"),
    ]

    static let budget: [Field] = [
        Field("percent", .integer(0...1000), fallback: "20", "retries in percent of requests"),
        Field(
            "minPerSecond", .integer(0...100_000), fallback: "10",
            "retries each second that are always allowed"),
    ]

    private static let continuation: [Field] = [
        Field(
            "attempts", .integer(0...10), fallback: "0",
            "how often one answer may go on at another endpoint; 0 for never"),
        Field(
            "bufferBytes", .byteSize(1024...(16 << 20)), fallback: "256Ki",
            "of what was said that are kept for it; a longer answer does not go on"),
        Field(
            "restart", .boolean, fallback: "true",
            "whether a model without `prefill` answers from the beginning, and what was said "
                + "before is left out"),
    ]

    private static let hedging: [Field] = [
        Field(
            "delay", .duration,
            "the wait for an answer to begin after which another endpoint is asked too; with "
                + "`percentile`, as long as too few answers are known"),
        Field(
            "percentile", .integer(50...99),
            "asks after the time within which so many percent of the answers of that upstream "
                + "model began lately"),
        Field("minDelay", .duration, fallback: "50ms", "the shortest wait"),
        Field(
            "budgetPercent", .integer(0...100), fallback: "5",
            "second attempts in percent of requests, and the tokens of their prompts in percent "
                + "of those of all prompts"),
        Field(
            "maxInputTokens", .integer(1...100_000_000), fallback: "4096",
            "longer requests are never sent twice, for their cost"),
        Field(
            "fallbacks", .boolean, fallback: "false",
            "whether a fallback is asked where the Backend has no other endpoint"),
    ]

    private static let sticky: [Field] = [
        Field(
            "by", .text(.expression), required: true,
            "what callers are told apart by, in CEL over the facts of Docs/facts.md that the head "
                + "says: `source.identity`, `request.headers['x-session-id']`. Where it has no "
                + "value, or an empty one, chance decides")
    ]

    private static let comparison: [Field] = [
        Field(
            "percent", .integer(0...100), fallback: "0",
            "the share of copies whose answers are compared; 0 for none"),
        Field(
            "answerBytes", .byteSize(1024...(16 << 20)), fallback: "256Ki",
            "of each answer that are read; a longer one is not compared"),
        Field(
            "concurrent", .integer(1...10_000), fallback: "16",
            "copies of one mirror that are on their way or wait to be compared, on each event "
                + "loop; more are not sent"),
        Field("timeout", .duration, fallback: "60s", "for the whole answer of a mirror"),
        Field(
            "similarity", .object(similarity),
            "how it is measured how much two texts mean the same; absent for not at all"),
    ]

    private static let similarity: [Field] = [
        Field(
            "model", .text(.subdomain),
            "the name of a Model of embeddings in the same namespace, which is shown both texts"),
        Field(
            "percent", .integer(1...100), fallback: "10",
            "the share of compared pairs that it is asked about"),
        Field(
            "perMinute", .integer(1...1_000_000), fallback: "60",
            "questions a minute in all, evenly over the event loops; after a pause each may ask up "
                + "to four at once, and at least one"),
    ]

    private static let balancing: [Field] = [
        Field(
            "type", .choice(["PeakEWMA", "LeastRequest", "RoundRobin", "RingHash"]),
            required: true, "how an endpoint is chosen"),
        Field("header", .text(.headerName), "for `RingHash`: the header whose value is hashed"),
    ]

    private static let healthCheck: [Field] = [
        Field("path", .text(.absolutePath), required: true, "the path that is asked with GET"),
        Field("interval", .duration, fallback: "5s", "from one probe to the next"),
        Field("timeout", .duration, fallback: "2s", "within which an answer must come"),
        Field(
            "healthyThreshold", .integer(1...100), fallback: "2",
            "good answers until it is used again"),
        Field(
            "unhealthyThreshold", .integer(1...100), fallback: "3",
            "bad answers until it is no longer used"),
        Field(
            "expectedStatuses", .text(.statusRange), fallback: "200-299",
            "the statuses of a good answer"),
    ]

    private static let outlier: [Field] = [
        Field(
            "consecutiveFailures", .integer(0...10_000), fallback: "5",
            "failures in a row that eject; 0 for never"),
        Field("successRate", .object(successRate), "a rate of success that ejects"),
        Field("latency", .object(latency), "a time to the first byte that ejects"),
        Field(
            "interval", .duration, fallback: "10s", "the window of the rate and of the times"),
        Field("baseEjectionTime", .duration, fallback: "5s", "the length of the first ejection"),
        Field("maxEjectionTime", .duration, fallback: "30s", "the longest ejection"),
        Field(
            "maxEjectedPercent", .integer(0...100), fallback: "50",
            "the most endpoints that are out at once"),
        Field(
            "panicPercent", .integer(0...100), fallback: "0",
            "the share of endpoints below which those that are out are used all the same; 0 for "
                + "only when none is left"),
    ]

    private static let successRate: [Field] = [
        Field(
            "minPercent", .integer(0...100), fallback: "0",
            "success below this ejects; 0 for never"),
        Field(
            "minRequests", .integer(1...1_000_000), fallback: "20",
            "requests below which the rate says nothing"),
    ]

    private static let locality: [Field] = [
        Field(
            "region", .text(.line),
            "the proxy's region: endpoints with this `labels.region` come before all others"),
        Field(
            "zone", .text(.line),
            "the proxy's zone: endpoints with this `labels.zone` come before those of the region"),
        Field(
            "overprovisioningPercent", .integer(100...1000), fallback: "140",
            "what near endpoints carry, in percent of their share, before others help out"),
        Field(
            "spillRequests", .integer(0...1_000_000), fallback: "0",
            "requests in flight at a near endpoint, for each unit of weight and on one event "
                + "loop, from which others help out; 0 for never"),
    ]

    private static let drain: [Field] = [
        Field("regions", .list(.text(.line), atMost: 64), "regions, as `labels.region` has them"),
        Field("zones", .list(.text(.line), atMost: 64), "zones, as `labels.zone` has them"),
    ]

    private static let slowStart: [Field] = [
        Field(
            "window", .duration,
            "the time in which its share grows from a tenth to the whole; `0s` for at once; absent "
                + "for `10s` with `locality` and at once without")
    ]

    private static let latency: [Field] = [
        Field(
            "percentOfMedian", .integer(0...100_000), fallback: "0",
            "a mean time to the first byte above this share of the endpoints' median ejects; 0 "
                + "for never"),
        Field(
            "minRequests", .integer(1...1_000_000), fallback: "20",
            "answers below which the time says nothing"),
    ]

    private static let coolDown: [Field] = [
        Field(
            "base", .duration, fallback: "1s",
            "the pause of a server that does not say for how long; doubles each time, up to 30s"),
        Field(
            "max", .duration, fallback: "300s",
            "the longest pause, however long the server asks for; `0s` for none at all"),
        Field(
            "scope", .choice(["Auto", "Endpoint", "Model", "Backend"]), fallback: "Auto",
            "who gets it; `Auto` is the upstream model where the Backend has a credential, else "
                + "the endpoint, and nobody where a caller's own credential was shown"),
    ]

    private static let connections: [Field] = [
        Field(
            "idle", .integer(0...100_000), fallback: "256",
            "idle connections that are kept per endpoint and event loop"),
        Field("idleTimeout", .duration, fallback: "60s", "how long they are kept"),
    ]
}

/// The fields of `TrafficPolicy.spec`.
enum TrafficPolicyShape {
    static let spec: [Field] =
        [
            Field(
                "targetRefs", .someOf(.object(target), atMost: 16), required: true,
                "what it applies to, in its own namespace")
        ] + TrafficShape.settings

    private static let target: [Field] = [
        Field(
            "group", .choice(["gateway.networking.k8s.io", "pinion.dev"]), required: true,
            "the API group of the target"),
        Field(
            "kind", .choice(["Gateway", "HTTPRoute", "GRPCRoute", "Backend", "Model"]),
            required: true,
            "the kind of the target"),
        Field("name", .text(.subdomain), required: true, "the name of the target"),
        .refused("sectionName", "target the whole resource"),
    ]
}

/// The fields of `Mesh.spec`.
enum MeshShape {
    static let spec: [Field] = [
        Field("limits", .object(limits), "bounds on connections from callers"),
        Field("accessLog", .object(accessLog), "what is written about every exchange"),
        Field(
            "forwardedFields", .choice(["append", "replace"]), fallback: "append",
            "what becomes of the fields in which a caller says where a request comes from "
                + "(`Forwarded`, `X-Forwarded-*`, `X-Real-IP`): with `replace` they are dropped, "
                + "and the mesh writes its own; `append` is for meshes behind a proxy that is "
                + "trusted"),
        Field(
            "recording", .object(recording),
            "which exchanges can be explained and replayed; never bodies or secrets"),
        Field(
            "stateDirectory", .text(.line),
            "the folder in which Rollouts keep where they stand across restarts, one for each "
                + "process; `--state-dir` of `pinion up` goes before it"),
        Field(
            "drainTimeout", .duration, fallback: "30s",
            "how long exchanges may go on after the process was told to stop"),
        Field(
            "retryBudget", .object(TrafficShape.budget),
            "bounds on the retries of all Backends together; without it each has its own only"),
        Field(
            "upgradeTimeout", .duration, fallback: "15m",
            "how long exchanges may go on in a process after `pinion upgrade` replaced it"),
        Field(
            "defaults", .object(TrafficShape.settings),
            "what holds where no TrafficPolicy says otherwise"),
    ]

    private static let limits: [Field] = [
        Field("headBytes", .byteSize(1024...65_535), fallback: "32Ki", "of a request head"),
        Field("fieldCount", .integer(8...10_000), fallback: "100", "fields of a head"),
        Field(
            "bufferedBodyBytes", .byteSize(1024...(1 << 30)), fallback: "16Mi",
            "of a body that must be read before it can be routed"),
        Field("headTimeout", .duration, fallback: "10s", "for a request head to arrive"),
        Field("idleTimeout", .duration, fallback: "300s", "until the next request"),
        Field("bodyIdleTimeout", .duration, fallback: "30s", "between two pieces of a body"),
        Field(
            "connections", .integer(1...10_000_000), fallback: "100000", "connections in all"),
        Field(
            "eventBytes", .byteSize(1024...(1 << 28)), fallback: "1Mi",
            "of one event of an event stream"),
        Field(
            "memoryBytes", .byteSize((16 << 20)...(1 << 50)),
            fallback: "what the container may use",
            "of memory of the process; near it reading stops first, then requests are refused"),
        Field(
            "waitingBytes", .byteSize((1 << 20)...(1 << 50)), fallback: "1Gi",
            "of bodies and answers that wait in the process; near it the same happens"),
    ]

    private static let recording: [Field] = [
        Field(
            "perSecond", .integer(0...100_000), fallback: "10",
            "exchanges that are recorded each second on each event loop, the first that come"),
        Field(
            "keep", .integer(0...100_000), fallback: "256",
            "recordings that each event loop keeps in memory; 0 records nothing"),
        Field("file", .text(.line), "a file that recordings are appended to as well"),
        Field(
            "fileBytes", .byteSize(65_536...(1 << 40)), fallback: "64Mi",
            "the size at which the file is renamed to `FILE.1` and begun anew"),
    ]

    private static let accessLog: [Field] = [
        Field(
            "output", .choice(["stdout", "off", "file"]), fallback: "stdout", "where lines go"),
        Field("path", .text(.line), "the file, for `output: file`"),
        Field("query", .boolean, fallback: "false", "whether lines carry the query string"),
    ]
}
