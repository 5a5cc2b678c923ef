// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshEngines
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire
import Testing

@Suite("Random walks through exchanges")
struct RandomWalkTests {
    @Test("whatever happens in whatever order, everything that begins ends exactly once")
    func walks() throws {
        var limited = 0
        var (known, unknown) = (0, 0)
        for seed in UInt64(2001)..<UInt64(2401) {
            var walk = RandomWalk(seed: seed)
            for exchange in 0..<12 {
                if let fault = try walk.exchange() {
                    Issue.record("\(fault); seed \(seed), exchange \(exchange): \(walk.trail)")
                    return
                }
                if walk.drive.refusal?.hasSuffix("-limit") == true { limited += 1 }
                if walk.drive.record.caller != nil { known += 1 }
                if walk.drive.record.status == 401 { unknown += 1 }
            }
        }
        #expect(limited > 10)
        #expect(known > 50 && unknown > 50, "\(known) callers known, \(unknown) not")
    }

    @Test("whatever happened is decided the same way again, to the bit")
    func replays() throws {
        var replayed = 0
        for seed in UInt64(2601)..<UInt64(2801) {
            var walk = RandomWalk(seed: seed)
            for exchange in 0..<12 {
                _ = try walk.exchange()
                let recording = try #require(walk.drive.shard.recorder.all.last)
                let text = try JSONEncoder().encode(recording)
                let read = try JSONDecoder().decode(ExchangeRecording.self, from: text)
                #expect(read == recording)
                let snapshots = walk.snapshots
                let replay = try Replay.run(read) { version in
                    snapshots.first { $0.version == version }
                }
                if let difference = replay.difference {
                    Issue.record("\(difference); seed \(seed), exchange \(exchange): \(walk.trail)")
                    return
                }
                let tree = Explanation.of(
                    read, under: snapshots.first { $0.version == read.snapshot })
                #expect(!tree.children.isEmpty)
                replayed += 1
            }
        }
        #expect(replayed == 2400)
    }

    @Test("equal seeds walk the same way")
    func determinism() throws {
        for seed in UInt64(2501)..<UInt64(2511) {
            var first = RandomWalk(seed: seed)
            var second = RandomWalk(seed: seed)
            for _ in 0..<5 {
                _ = try first.exchange()
                _ = try second.exchange()
                #expect(first.trail == second.trail, "seed \(seed)")
                #expect(first.drive.written == second.drive.written, "seed \(seed)")
            }
        }
    }
}

/// One connection to a random mesh, on which a driver reports random but legal events.
struct RandomWalk {
    let drive: Drive
    /// What happened in the present exchange, for the report of a failure.
    private(set) var trail: [String] = []
    private var random: SplitMix64
    private var version: UInt64 = 1
    /// Every snapshot that was ever adopted.
    private(set) var snapshots: [Snapshot] = []

    init(seed: UInt64) {
        random = SplitMix64(seed: seed).split("walk")
        let sample = Self.sample(version: 1, using: &random)
        drive = Drive(sample, seed: seed, credentials: Self.credentials(sample, using: &random))
        snapshots = [drive.shard.snapshot]
        installKeys()
    }

    /// Whom the walks know.
    private struct Callers {
        let sample = IdentitySample()
        let fields: [String]
        let tokens: IdentityMaterial?
        let apiKeys: IdentityMaterial?

        init() {
            let (key, text) = IdentitySample.apiKey("team")
            let (_, stranger) = IdentitySample.apiKey("other")
            let good = (try? sample.token()) ?? ""
            let rotated = (try? sample.token(kid: "k2")) ?? ""
            tokens = try? sample.keys()
            apiKeys = try? IdentitySample.file(key)
            fields = [
                "", "", "Authorization: Bearer \(good)\r\n", "Authorization: Bearer \(good)\r\n",
                "X-API-Key: \(text)\r\n", "Authorization: Bearer \(text)\r\n",
                "Authorization: Bearer \(rotated)\r\n", "Authorization: Bearer junk\r\n",
                "X-API-Key: \(stranger)\r\n",
                "Authorization: Bearer \(good)\r\nX-API-Key: \(text)\r\n",
            ]
        }
    }

    private static let callers = Callers()

    /// What is known of callers is there, or not yet.
    private mutating func installKeys() {
        if random.below(6) > 0, let tokens = Self.callers.tokens {
            drive.shard.callers.adopt(tokens, as: IdentitySample.tokens.material)
        }
        if random.below(6) > 0, let keys = Self.callers.apiKeys {
            drive.shard.callers.adopt(keys, as: IdentitySample.apiKeys.material)
        }
    }

    /// Providers that some of the mesh asks for its callers.
    private static func addIdentity(
        to sample: inout SnapshotSample, using random: inout SplitMix64
    ) {
        guard random.below(2) == 0 else { return }
        sample.identity = [IdentitySample.tokens, IdentitySample.apiKeys].map { provider in
            IdentitySample.changed(
                provider, isOptional: random.below(3) == 0, forwards: random.below(4) == 0)
        }
        func some(_ random: inout SplitMix64) -> [IdentityID] {
            [0, 1].filter { (_: IdentityID) in random.below(2) == 0 }
        }
        for rule in sample.rules.indices { sample.rules[rule].identity = some(&random) }
        sample.models[0].identity = some(&random)
    }

    /// Walks from a beginning to the end; answers what was wrong, or nil.
    mutating func exchange() throws -> String? {
        trail = []
        let step = try begin()
        if let fault = check(step) { return fault }
        for _ in 0..<60 where drive.phase != .done {
            let (name, step) = try event()
            trail.append(name)
            if let fault = check(step) { return fault }
        }
        if drive.phase != .done { if let fault = check(drive.gone()) { return fault } }
        // Timers and losses of a connection may still come; they must do nothing.
        drive.wait(.seconds(500))
        for step in [drive.tick(), drive.gone(), drive.failed(.connect), drive.ended()] {
            if step.isDone || step.dispatch != nil || step.writes {
                return "it went on after its end"
            }
        }
        if drive.record.attempts > 40 { return "\(drive.record.attempts) attempts" }
        return drive.unsettled
    }

    private func check(_ step: Step) -> String? {
        let done = drive.doneCount
        if done > 1 { return "it ended twice" }
        if step.isDone != (drive.phase == .done && drive.steps.last?.isDone == true) {
            return "step and phase disagree"
        }
        if step.isDone, step.dispatch != nil || step.collectsBody { return "it ended and goes on" }
        if step.dispatch != nil, drive.phase != .dispatched {
            return "a dispatch in \(drive.phase)"
        }
        if step.endsAnswer, drive.record.flags.contains(.truncated) {
            return "a truncated answer was ended"
        }
        if drive.inFlight > 1 { return "\(drive.inFlight) attempts at once" }
        if drive.active != (drive.phase == .done ? 0 : 1) { return "\(drive.active) active" }
        if let pick = step.dispatch {
            let known = drive.exchange.snapshot.endpoints
            guard known.indices.contains(Int(pick.endpoint)) else { return "an unknown endpoint" }
            let name = drive.exchange.snapshot.backends[Int(known[Int(pick.endpoint)].backend)].name
            let secret = drive.forwarded().head.field("authorization")
            if let secret, secret != "Bearer \(name)" { return "\(secret) for \(name)" }
        }
        return drive.shard.fleet.invariants()
    }

    private mutating func begin() throws -> Step {
        let paths = [
            "/v1/chat/completions", "/v1/completions", "/v1/responses", "/plain", "/a%2f",
            "/v1/models",
        ]
        let path = paths[random.below(paths.count)]
        let body = Self.bodies[random.below(Self.bodies.count)]
        let framing =
            random.below(2) == 0
            ? "Content-Length: \(body.utf8.count)" : "Transfer-Encoding: chunked"
        let method = random.below(6) == 0 ? "GET" : "POST"
        let version = random.below(5) == 0 ? "1.0" : "1.1"
        trail.append("\(method) \(path) \(framing) \(body) HTTP/\(version)")
        let hasBody = method == "POST" && (version == "1.1" || framing.hasPrefix("Content"))
        collected = hasBody ? body : ""
        let number = random.below(Self.callers.fields.count)
        trail.append("credential \(number)")
        return try drive.begin(
            "\(method) \(path) HTTP/\(version)\r\nHost: mesh.test\r\n"
                + Self.callers.fields[number] + (hasBody ? "\(framing)\r\n" : "") + "\r\n")
    }

    private var collected = ""
    private static let bodies = [
        #"{"model":"small"}"#, #"{"model":"small","stream":true}"#, #"{"model":"other","n":1}"#,
        #"{"model":"small","model":"x"}"#, "{", "", #"{"model":"missing"}"#,
        #"{"model":"small","stream":true,"messages":[{"role":"user","content":"hello"}]}"#,
        #"{"model":"small","stream":true,"tools":[{}],"messages":[{"role":"user","content":[{"#
            + #""type":"image_url"}]}],"max_tokens":9}"#,
        #"{"model":"small","stream":true,"prompt":"once"}"#,
    ]

    /// One legal event of the present phase.
    private mutating func event() throws -> (String, Step) {
        drive.wait(.milliseconds(Int64(random.below(400))))
        switch random.below(20) {
        case 0: return ("the caller leaves", drive.gone())
        case 1:
            version += 1
            let sample = Self.sample(version: version, using: &random)
            drive.adopt(sample, credentials: Self.credentials(sample, using: &random))
            snapshots.append(drive.shard.snapshot)
            installKeys()
            return ("a new snapshot", Step())
        case 2: return ("the timer fires early", drive.tick())
        case 3:
            guard drive.deadline != .distantFuture else { return ("no deadline", Step()) }
            return ("the deadline passes", drive.expire())
        case 4:
            drive.shard.isDraining.toggle()
            return ("draining changes", Step())
        case 5 where random.below(3) == 0:
            return (
                "the process cuts it off",
                drive.take(drive.exchange.cutOff(shard: &drive.shard, at: drive.now))
            )
        default: break
        }
        switch drive.phase {
        case .idle, .done: return ("nothing", Step())
        case .identifying:
            installKeys()
            return ("keys are settled", drive.keysSettled())
        case .asking: return askingEvent()
        case .queued:
            return ("the turnstile calls", drive.called(.letIn))
        case .collecting:
            guard random.below(6) == 0 else { return ("the body is whole", drive.body(collected)) }
            return (
                "the body fails",
                drive.take(
                    drive.exchange.bodyFailed(
                        Refusal(.bodyTooLarge), shard: &drive.shard, at: drive.now))
            )
        case .dispatched:
            if random.below(3) > 0 {
                drive.sent()
                return ("sent", Step())
            }
            return (
                "no connection", drive.failed(random.below(2) == 0 ? .connect : .connectTimeout)
            )
        case .sent: return try sentEvent()
        case .holding, .relaying: return relayEvent()
        }
    }

    private mutating func askingEvent() -> (String, Step) {
        let outcome: EngineOutcome
        switch random.below(8) {
        case 0: outcome = .failed(EngineFailure.allCases[random.below(5)])
        case 1:
            outcome = .answered(
                EngineAnswer(
                    allows: false, status: [302, 401, 429, 503, nil][random.below(5)],
                    reason: "no",
                    answerEdits: [.set(name: bytes("retry-after"), value: bytes("9"))]))
        default:
            outcome = .answered(
                EngineAnswer(
                    allows: true,
                    requestEdits: [.set(name: bytes("x-user"), value: bytes("ann"))],
                    answerEdits: [.add(name: bytes("x-policy"), value: bytes("v1"))]))
        }
        return ("the engine says \(outcome)", drive.heard(outcome))
    }

    private mutating func sentEvent() throws -> (String, Step) {
        switch random.below(8) {
        case 0: return ("reset", drive.failed(.reset(wasReused: false)))
        case 1: return ("reset of a reused connection", drive.failed(.reset(wasReused: true)))
        case 2: return ("malformed", drive.failed(.malformed))
        case 3:
            guard !drive.exchange.isRequestComplete else { return ("nothing", Step()) }
            drive.exchange.requestProgressed(bytes: 3, at: drive.now)
            guard random.below(3) == 0 else { return ("the body streams", Step()) }
            drive.exchange.requestCompleted(bytes: 0, at: drive.now)
            return ("the body is sent", Step())
        case 4:
            guard !drive.exchange.isRequestComplete else { return ("nothing", Step()) }
            return (
                "the streamed body is malformed",
                drive.take(
                    drive.exchange.bodyFailed(
                        Refusal(.malformedRequest), shard: &drive.shard, at: drive.now))
            )
        default:
            let statuses = [200, 200, 200, 200, 204, 400, 404, 429, 500, 503]
            let status = statuses[random.below(statuses.count)]
            let fields = [
                "content-type: text/event-stream\r\n", "content-length: 2\r\n",
                "content-type: application/json\r\ntransfer-encoding: chunked\r\n",
                "content-type: application/json\r\ncontent-length: 5\r\n",
                "retry-after: 1\r\ncontent-length: 0\r\n",
                "retry-after: 900\r\ncontent-length: 0\r\n",
            ][random.below(6)]
            let minor: UInt8 = drive.head.minorVersion == 0 ? 0 : 1
            let step = try drive.answered(
                "HTTP/1.1 \(status) X\r\n\(fields)\r\n", minor: minor)
            return ("answer \(status) \(fields.debugDescription)", step)
        }
    }

    private mutating func relayEvent() -> (String, Step) {
        switch random.below(10) {
        case 0: return ("the connection breaks", drive.broke())
        case 1, 2: return ("the answer ends", drive.ended())
        case 3:
            drive.exchange.answerPaused(at: drive.now)
            return ("the caller reads slowly", Step())
        case 4:
            drive.exchange.answerResumed(at: drive.now)
            return ("the caller reads again", Step())
        default:
            let pieces = [
                "data: {\"choices\":[{\"delta\":{}}]}\n\n", "data: {\"cho", "ices\":[]}\n\n", "{}",
                "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n", "data: [DONE]\n\n",
                "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n",
                "data: {\"id\":\"i\",\"choices\":[{\"delta\":{\"content\":\"word\"}}]}\n\n",
                "data: {\"choices\":[{\"delta\":{\"content\":\"wo\"}}]}\n\n",
                "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0}]}}]}\n\n",
                "data: {\"error\":{\"code\":503}}\n\n", "{\"error\":{\"code\":503}}",
                "data: {no}\n\n",
                String(repeating: "x", count: 300),
            ]
            let piece = pieces[random.below(pieces.count)]
            guard drive.came(piece) == .broken else { return ("\(piece.prefix(40))", Step()) }
            return ("\(piece.prefix(40)) breaks it", drive.broke())
        }
    }

    // MARK: Random meshes

    private static func credentials(
        _ sample: SnapshotSample, using random: inout SplitMix64
    ) -> [Secret<[UInt8]>?] {
        sample.backends.map { backend in
            random.below(8) == 0 ? nil : Secret(bytes(backend.name))
        }
    }

    /// Some backends with credentials of their own in a random order, so that numbers move from
    /// one snapshot to the next while names stay.
    /// Some of four limits, which keep what was used when the mesh changes.
    private static func addLimits(
        to sample: inout SnapshotSample, using random: inout SplitMix64
    ) {
        let all: [Limit] = [
            .init(policy: "p", name: "r", unit: .requests, amount: 3, period: .seconds(9_000)),
            .init(
                policy: "p", name: "t", unit: .tokens, amount: 800, period: .seconds(9_000),
                key: [.model, .header(bytes("x-team"))], keysMax: 2),
            .init(
                policy: "p", name: "c", unit: .cost(.usd), amount: 5_000, period: .seconds(9_000)),
            .init(
                policy: "p", name: "a", unit: .requests, amount: 1, period: .seconds(50),
                key: [.source], isAudit: true),
        ]
        sample.usageLimits = all.filter { _ in random.below(3) > 0 }.shuffled(using: &random)
        let ids = sample.usageLimits.indices.map { LimitID($0) }
        for rule in sample.rules.indices {
            sample.rules[rule].limits = ids.filter { _ in random.below(2) == 0 }
        }
        sample.models[0].limits = ids.filter { _ in random.below(2) == 0 }
        let price = Price(input: 3, output: 5, cachedInput: 1, currency: .usd)
        for target in sample.models[0].targets.indices {
            sample.models[0].targets[target].price = price
        }
    }

    private static func sample(
        version: UInt64, using random: inout SplitMix64
    ) -> SnapshotSample {
        let retry = RetryPolicy(
            attempts: 1 + random.below(3), onReset: random.below(2) == 0,
            statuses: random.below(2) == 0 ? [503] : [429, 500, 503],
            budgetMinPerSecond: random.below(3))
        let limit = Nanoseconds.milliseconds(Int64(200 + random.below(3000)))
        let timeouts = Timeouts(
            connect: limit, request: random.below(2) == 0 ? limit + limit : nil,
            backendRequest: random.below(2) == 0 ? limit : nil,
            firstByte: random.below(2) == 0 ? limit : nil,
            streamIdle: random.below(2) == 0 ? limit : nil)
        let prefills: [Prefill] = [.none, .assistantMessage, .continueFinalMessage]
        var sample = SnapshotSample.model(
            fallbacks: 2, retry: retry, timeouts: timeouts,
            continuation: random.below(2) == 0
                ? ContinuationPolicy(bufferBytesMax: 1024, restarts: random.below(2) == 0) : nil,
            capabilities: (0..<3).map { _ in
                Capabilities(
                    contextTokens: random.below(4) == 0 ? 3 + random.below(20) : nil,
                    tools: random.below(4) > 0, vision: random.below(4) > 0,
                    prefill: prefills[random.below(prefills.count)])
            })
        sample.version = version
        let policies: [Balancing] = [
            .peakEWMA, .leastRequest, .roundRobin, .ringHash(header: bytes("host")),
        ]
        let ejects = random.below(2) == 0
        let balancing = policies[random.below(policies.count)]
        var numbers = [0, 1, 2, 3]
        numbers.shuffle(using: &random)
        sample.backends = numbers.prefix(3).map { number in
            BackendSample(
                name: "default/b\(number)", endpoints: random.below(4), subnet: number
            ) { backend in
                backend.balancing = balancing
                backend.outlier = ejects ? OutlierPolicy(consecutiveFailures: 2) : nil
                backend.credential = Credential(
                    header: bytes("authorization"), prefix: bytes("Bearer "),
                    source: .environment("KEY\(number)"))
            }
        }
        sample.rules.append(
            Rule.forward(to: BackendID(random.below(3)), retry: retry, timeouts: timeouts))
        sample.prefixes.append("/")
        if random.below(4) == 0 {
            sample.rules[2].mirrors = [Mirror(backend: 1, numerator: 1, denominator: 2)]
        }
        sample.limits = ConnectionLimits(eventBytesMax: 200)
        sample.recording = RecordingSettings(perSecondMax: 1_000, ringMax: 3)
        addLimits(to: &sample, using: &random)
        addEngines(to: &sample, using: &random)
        addIdentity(to: &sample, using: &random)
        return sample
    }

    /// Some engines that are asked about some requests, at their head or with what the body says.
    private static func addEngines(
        to sample: inout SnapshotSample, using random: inout SplitMix64
    ) {
        guard random.below(3) > 0 else { return }
        var access = AccessSample()
        var ids: [AccessID] = []
        for number in 0..<(1 + random.below(3)) {
            guard
                let engine = try? access.engine(
                    named: "e\(number)",
                    random.below(2) == 0 ? .extAuthzGRPC : .opa(path: bytes("/v1/data/x")),
                    backend: BackendID(random.below(3)),
                    facts: random.below(2) == 0 ? [.aiModel] : [.requestPath],
                    allowsOnFailure: random.below(2) == 0,
                    cachedBy: random.below(2) == 0 ? ["request.method", "request.path"] : nil),
                let id = try? access.add(
                    named: "p\(number)", isAudit: random.below(4) == 0, engine: engine,
                    ("ask", .custom, random.below(2) == 0 ? "true" : "request.method == 'POST'"))
            else { continue }
            ids.append(id)
        }
        for rule in sample.rules.indices {
            sample.rules[rule].access = ids.filter { _ in random.below(2) == 0 }
        }
        sample.models[0].access = ids.filter { _ in random.below(3) == 0 }
        sample.access = access.table
    }
}
