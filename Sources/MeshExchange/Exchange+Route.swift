// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

extension Exchange {
    /// Chooses model, backend and endpoint, now that everything is known that the rule needs.
    mutating func route(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, shard: inout Shard,
        at now: Instant
    ) -> Step {
        let rules = snapshot.rules
        let number = Int(rule)
        switch rules[number].action {
        case .modelByBody:
            guard let body, let facts, let range = facts.model else {
                return refuse(
                    Refusal(.modelMissing, parameter: "model"), shard: &shard, at: now)
            }
            guard let found = namedModel(body.extracting(range.range), facts) else {
                return refuse(
                    unknownModel(body.extracting(range.range)), shard: &shard, at: now)
            }
            choose(model: found, head, bytes, body: body, shard: &shard, at: now)
        case .forward(let targets):
            // A single target takes everything, but for one that is switched off.
            let only = targets.count == 1 && targets[0].weight > 0 ? 0 : nil
            let hash = callersHash(rules[number].sticky, head, bytes, shard: &shard)
            guard let chosen = only ?? draw(of: targets, for: hash, shard: &shard, at: now)
            else { return refuse(Refusal(.noBackend), shard: &shard, at: now) }
            ruleTarget = chosen
            tape?.say(
                .route,
                Self.share(
                    "target \(chosen)", targets.map(\.weight), chosen: chosen,
                    isOwn: hash != nil))
            switch targets[chosen].destination {
            case .invalid: return refuse(Refusal(.noBackend), shard: &shard, at: now)
            case .backend(let id):
                backend = id
                labelBody(head, bytes, body: body, shard: &shard)
            case .model(let id):
                choose(model: id, head, bytes, body: body, shard: &shard, at: now)
            }
        case .listModels:
            guard let any = currentListener?.models.first else {
                return refuse(Refusal(.noBackend), shard: &shard, at: now)
            }
            choose(model: any.model, head, bytes, body: nil, shard: &shard, at: now)
        case .redirect, .refuse:
            return refuse(Refusal(.noBackend), shard: &shard, at: now)
        }
        if model >= 0, backend < 0 {
            return refuse(Refusal(.noBackend), shard: &shard, at: now)
        }
        if let step = identifyForModel(head, bytes, isLast: false, shard: &shard, at: now) {
            return step
        }
        assignKnownCaller(head, bytes, shard: &shard, at: now)
        return enter(head, bytes, body: body, shard: &shard, at: now)
    }

    /// Asks what is left to ask before the request goes to the chosen backend, and sends it.
    mutating func enter(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, shard: inout Shard,
        at now: Instant
    ) -> Step {
        labelCaller(head, bytes, body: body, shard: &shard)
        return refuseWithoutWay(shard: &shard, at: now)
            ?? askClassifiers(head, bytes, body: body, shard: &shard, at: now)
            ?? authorizeBody(head, bytes, body: body, then: .routed, shard: &shard, at: now)
            ?? launch(head, bytes, body: body, shard: &shard, at: now)
    }

    /// Asks the limits for a request that may pass, and sends it out.
    mutating func launch(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, shard: inout Shard,
        at now: Instant
    ) -> Step {
        if let refused = authorizeDestinations(head, bytes, body: body, shard: &shard, at: now) {
            return refused
        }
        if let refused = admit(head, bytes, shard: &shard, at: now) { return refused }
        if !snapshot.overload.isEmpty { rank(head, bytes, body: body, shard: &shard) }
        hashForRing(head, bytes)
        if ringHash != nil { tape?.say(.route, "a header's value decides on the hash ring") }
        var step = dispatch(shard: &shard, at: now)
        if phase == .queued {
            turnstile?.owesCopies = hasMirrors
        } else {
            sendCopies(head, bytes, body: body, in: &step, shard: &shard, at: now)
        }
        return step
    }

    /// Orders the copies that go out with the first attempt, when that is `step`.
    mutating func sendCopies(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, in step: inout Step,
        shard: inout Shard, at now: Instant
    ) {
        // After a swap the numbers of backends mean others to the fleet: no copy is then made.
        guard step.dispatch != nil, hasMirrors, snapshot === shard.snapshot else { return }
        orderCopies(head, bytes, body: body, in: &step, shard: &shard, at: now)
    }

    /// Sends the request to an endpoint of the present backend.
    mutating func dispatch(
        after delay: Nanoseconds = .zero, shard: inout Shard, at now: Instant
    ) -> Step {
        if let denial = hopDenial(to: backend, &shard) {
            tape?.say(
                .authorize,
                "backend \(snapshot.backends[Int(backend)].name) is not for this request")
            if let step = nextTarget(shard: &shard, at: now) { return step }
            return refuse(denial, shard: &shard, at: now)
        }
        if attemptsOnTarget == 0, !isResuming, modelTarget >= 0, model >= 0,
            snapshot.models[Int(model)].hasLimits, let target = currentTarget, !suits(target),
            let step = nextTarget(shard: &shard, at: now)
        {
            return step
        }
        if snapshot.hasRollouts { takeArm() }
        if !snapshot.overload.isEmpty,
            let step = enterTurnstile(after: delay, shard: &shard, at: now)
        {
            return step
        }
        if let step = avoid(after: delay, shard: &shard, at: now) { return step }
        guard
            let chosen = pickEndpoint(shard: &shard, at: now)
                ?? pickAgain(after: delay, shard, at: now)
        else {
            return passOver(shard: &shard, at: now)
        }
        if tried.contains(chosen.slot) {
            tape?.say(
                .route,
                "every endpoint of \(snapshot.backends[Int(backend)].name) was tried")
            // A fallback is better than the same one again.
            if let step = nextTarget(shard: &shard, at: now) { return step }
            if let silence {
                // Who waited once in vain should not wait twice as long for the same.
                tape?.say(.route, "it said nothing, and there is no other")
                var refusal = failureRefusal(silence)
                if silence != .upstreamUnreachable { refusal.status = 504 }
                return refuse(refusal, shard: &shard, at: now)
            }
        }
        if let missing = missingCredential() {
            tape?.say(.route, missing.message)
            if arm >= 0 { armFailed = true }
            if let step = nextTarget(shard: &shard, at: now) { return step }
            return refuse(missing, shard: &shard, at: now)
        }
        guard noteHop(chosen, hopKind, shard) else {
            return refuse(unwritten(shard), shard: &shard, at: now)
        }
        pick = chosen
        if isResuming { beginResumption() }
        return send(to: chosen, after: delay, shard: &shard, at: now)
    }

    /// Begins an attempt at `chosen`.
    mutating func send(
        to chosen: Pick, after delay: Nanoseconds, shard: inout Shard, at now: Instant
    ) -> Step {
        silence = nil
        if attemptsOnTarget == 0 {
            let known = shard.number(of: backend, in: snapshot)
            shard.fleet.countRequest(backend: known, at: now)
        }
        attemptsOnTarget += 1
        record.attempts += 1
        tape?.say(
            .forward,
            "attempt \(record.attempts): backend \(snapshot.backends[Int(backend)].name), "
                + "endpoint \(snapshot.endpoints[Int(chosen.endpoint)].authority)"
                + (delay > .zero ? ", after \(delay.milliseconds)" : ""))
        beginAttempt(chosen, shard: &shard, at: now)
        phase = .dispatched
        attemptStarted = now + delay
        waitDeadline = attemptStarted + timeouts.connect
        attemptDeadline = timeouts.backendRequest.map { attemptStarted + $0 } ?? .distantFuture
        planHedge(shard: &shard, at: now)
        updateDeadline()
        var step = Step()
        step.dispatch = chosen
        step.delay = delay
        return step
    }

    /// The present backend has no endpoint for the request: goes on to a fallback, or refuses.
    private mutating func passOver(shard: inout Shard, at now: Instant) -> Step {
        let carried = carried(shard, at: now)
        let name = snapshot.backends[Int(backend)].name
        let isBarred = !mayReach(backend, carried)
        if isBarred {
            let reason = snapshot.reason(against: backend, carried) ?? name
            tape?.say(.residency, "backend \(reason) is no place for this data")
        } else {
            tape?.say(.route, "backend \(name) has no endpoint to send to")
            if arm >= 0 { armFailed = true }
        }
        if let step = nextTarget(shard: &shard, at: now) { return step }
        if isBarred { return refuse(residencyRefusal(carried), shard: &shard, at: now) }
        return refuse(
            Refusal(
                .upstreamUnreachable,
                message: "backend \(name) has no endpoint that could take the request; "
                    + "see `pinion get endpoints`"),
            shard: &shard, at: now)
    }

    /// Sends the request to the model's next fallback, or nil when there is none that may have
    /// what it carries.
    mutating func nextTarget(shard: inout Shard, at now: Instant) -> Step? {
        guard model >= 0, canReplay, mayAttempt else { return nil }
        let fallbacks = snapshot.models[Int(model)].fallbacks
        var next = modelTarget >= 0 ? 0 : -modelTarget
        var broken: Int?
        let carried = carried(shard, at: now)
        while next < fallbacks.count {
            if mayReach(fallbacks[next].backend, carried) {
                if suits(fallbacks[next]) {
                    let standing = standing(of: fallbacks[next], &shard, at: now)
                    if standing.isClear { break }
                    if case .cooling = standing {} else { broken = broken ?? next }
                }
            } else {
                tape?.say(
                    .residency,
                    "fallback \(next) of the model, "
                        + "\(snapshot.reason(against: fallbacks[next].backend, carried) ?? ""), "
                        + "is no place for this data")
            }
            next += 1
        }
        if next == fallbacks.count, let broken { next = broken }
        guard next < fallbacks.count else { return nil }
        shard.countRetry(.fallback, backend: shard.number(of: backend, in: snapshot))
        modelTarget = -1 - next
        backend = fallbacks[next].backend
        tape?.say(
            .route,
            "fallback \(next) of the model: backend \(snapshot.backends[Int(backend)].name)")
        attemptsOnTarget = 0
        tried = Tried()
        record.flags.insert(.fallback)
        return dispatch(shard: &shard, at: now)
    }

    /// Whether one more attempt is within what the policy allows for all targets together.
    var mayAttempt: Bool {
        if isResuming || Int(record.attempts) < retry.attemptsInAll { return true }
        tape?.say(.forward, "all \(retry.attemptsInAll) attempts of the policy were made")
        return false
    }

    /// The upstream model of the present target; nil keeps the caller's name.
    var upstreamModel: [UInt8]? {
        currentTarget?.upstreamModel
    }

    /// The earliest of the limits that run.
    mutating func updateDeadline() {
        deadline = min(requestDeadline, attemptDeadline, waitDeadline, hedgeAt)
        if let race { deadline = min(deadline, race.other.deadline) }
    }

    private mutating func choose(
        model id: ModelID, _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?,
        shard: inout Shard, at now: Instant
    ) {
        let models = snapshot.models
        let number = Int(id)
        model = id
        timeouts = models[number].timeouts
        retry = models[number].retry
        requestDeadline = timeouts.request.map { record.started + $0 } ?? .distantFuture
        readNeeds(body)
        labelBody(head, bytes, body: body, shard: &shard)
        chooseTarget(head, bytes, shard: &shard, at: now)
        if models[number].isWildcard, let body, let range = facts?.model {
            record.model = body.extracting(range.range).text
        } else {
            record.model = shard.modelNames(of: id, in: snapshot)?.name
        }
        asksForUsage =
            facts?.stream == true && operation.asksForStreamUsage && facts?.includeUsage != true
    }

    /// Chooses one of the present model's targets.
    private mutating func chooseTarget(
        _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) {
        let models = snapshot.models
        let number = Int(model)
        let hash = callersHash(models[number].sticky, head, bytes, shard: &shard)
        guard let target = draw(of: models[number].targets, for: hash, shard: &shard, at: now)
        else { return }
        modelTarget = target
        backend = models[number].targets[target].backend
        tape?.say(
            .route,
            "model \(models[number].resource): "
                + Self.share(
                    "target \(target) (\(snapshot.backends[Int(backend)].name))",
                    models[number].targets.map(\.weight), chosen: target, isOwn: hash != nil))
    }

    /// Chooses once more where it is known only now who the caller is, by whom its target is
    /// chosen.
    mutating func assignKnownCaller(
        _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) {
        guard model >= 0, caller != nil, !snapshot.models[Int(model)].identity.isEmpty,
            let sticky = snapshot.models[Int(model)].sticky,
            snapshot.stickyKeys[Int(sticky.key)].readsCaller
        else { return }
        chooseTarget(head, bytes, shard: &shard, at: now)
    }

    /// What kind of hop the next attempt is.
    private var hopKind: ResidencyReceipt.Hop.Kind {
        if isResuming { return .resume }
        if attemptsOnTarget > 0 { return .retry }
        return modelTarget < 0 ? .fallback : .first
    }

    /// How a weighted choice went, in words.
    private static func share(
        _ name: String, _ weights: [Int], chosen: Int, isOwn: Bool
    ) -> String {
        if weights.count == 1 { return "\(name) is the only one" }
        let whole = weights.reduce(0) { $0 &+ $1 }
        let how = isOwn ? "is the caller's own" : "was drawn"
        return "\(name) \(how), weight \(weights[chosen]) of \(whole)"
    }

    private func namedModel(_ name: RawSpan, _ facts: RequestFacts) -> ModelID? {
        guard listener >= 0 else { return nil }
        let listeners = snapshot.ports[Int(port)].listeners
        let number = Int(listener)
        guard facts.modelHasEscapes else { return listeners[number].model(named: name) }
        guard let plain = try? JSONStringDecoder.decode(name) else { return nil }
        return listeners[number].model(named: unsafe plain.span.bytes)
    }

    private func unknownModel(_ name: RawSpan) -> Refusal {
        let shown = name.byteCount <= 200 ? name.text : name.extracting(0..<200).text + "…"
        return Refusal(
            .modelNotFound,
            message: "the model `\(shown)` is not offered here; see GET /v1/models",
            parameter: "model")
    }

    private mutating func hashForRing(_ head: borrowing RequestHead, _ bytes: RawSpan) {
        guard case .ringHash(let header) = snapshot.backends[Int(backend)].balancing else { return }
        let name = unsafe header.span.bytes
        for field in head.fields
        where bytes.extracting(field.nameRange.range).equalsIgnoringCase(name) {
            let hash = StableHash.of(bytes.extracting(field.valueRange.range))
            ringHash = tape?.hash(hash, of: bytes.extracting(field.nameRange.range)) ?? hash
            return
        }
    }

    func missingCredential() -> Refusal? {
        guard let credential = snapshot.backends[Int(backend)].credential,
            Int(backend) < credentials.count,
            credentials[Int(backend)] == nil
        else { return nil }
        let place =
            switch credential.source {
            case .environment(let name): "environment variable \(name)"
            case .file(let path): "file \(path)"
            case .secret(let name, let key): "value \(key) of Secret \(name)"
            }
        let name = snapshot.backends[Int(backend)].name
        return Refusal(
            .noBackend,
            message:
                "the credential of backend \(name) could not be read from "
                + "\(place); set it and restart or reload")
    }
}

extension Shard {
    /// The names of a model as text, when `snapshot` is the present one.
    func modelNames(of model: ModelID, in snapshot: Snapshot) -> ModelNames? {
        snapshot === self.snapshot ? modelNames[Int(model)] : nil
    }
}

extension Model {
    /// Whether the model takes every name that no other has.
    var isWildcard: Bool { name.count == 1 && name[0] == UInt8(ascii: "*") }
}
