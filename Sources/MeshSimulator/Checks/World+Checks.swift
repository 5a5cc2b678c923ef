// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshLimits
import MeshRouting
import MeshSnapshot
import MeshTelemetry

/// What may never be seen in a world.
extension World {
    /// Reports a broken promise; the run stops there.
    func breach(_ rule: String, _ message: String) {
        guard outcome.breaches.count < Limits.breaches else { return }
        outcome.breaches.append(Breach(rule: rule, message: message, at: now))
    }

    /// Looks at everything, if it is time to.
    func checkIfDue() {
        guard options.checkEvery > 0,
            outcome.events % UInt64(options.checkEvery) == 0
        else { return }
        for loop in proxy.loops { check(loop) }
    }

    private func check(_ loop: ProxyLoop) {
        if let fault = loop.shard.fleet.invariants() { breach("the fleet is sound", fault) }
        if loop.shard.fleet.misuses > 0 {
            breach("reports fit", "\(loop.shard.fleet.misuses) reports to the fleet fitted nothing")
        }
        if let fault = loop.shard.ledger.invariants() { breach("limits hold", fault) }
        if loop.shard.ledger.misuses > 0 {
            breach("reservations are settled once", "\(loop.shard.ledger.misuses) twice")
        }
        var attempts = loop.questions
        var reservations = 0
        var active: Int64 = 0
        var (inside, waiting) = (0, 0)
        for client in loop.clients {
            attempts += client.exchange.attemptsRunning
            if client.exchange.hasReservation { reservations += 1 }
            if client.exchange.holdsPlace { inside += 1 }
            if client.exchange.phase == .queued { waiting += 1 }
            if client.exchange.phase != .idle, client.exchange.phase != .done { active += 1 }
            check(client)
        }
        if attempts != loop.shard.fleet.inFlight {
            breach(
                "attempts are settled",
                "\(loop.shard.fleet.inFlight) in flight for \(attempts) exchanges that try")
        }
        let turnstiles = loop.shard.turnstiles.totals
        if turnstiles.inside != inside || turnstiles.waiting != waiting
            || loop.shard.turnstiles.misuses > 0
        {
            breach(
                "places are given back",
                "turnstiles count \(turnstiles.inside) inside and \(turnstiles.waiting) waiting "
                    + "for \(inside) and \(waiting) exchanges, "
                    + "\(loop.shard.turnstiles.misuses) misuses")
        }
        if reservations != loop.shard.ledger.outstanding {
            breach(
                "reservations are settled",
                "\(loop.shard.ledger.outstanding) outstanding for \(reservations) exchanges")
        }
        if active != loop.shard.metrics.mesh.activeRequests {
            breach(
                "exchanges are settled",
                "\(loop.shard.metrics.mesh.activeRequests) counted, \(active) run")
        }
        if active == 0, loop.mirrors == 0, loop.questions == 0,
            loop.shard.mirrors.outstanding != 0
        {
            breach(
                "copies are settled",
                "\(loop.shard.mirrors.outstanding) outstanding of which nothing will come")
        }
        for pool in loop.pools where pool.count > 100_000 {
            breach("bounds hold", "\(pool.count) idle connections in one pool")
        }
    }

    private func check(_ client: ProxyClient) {
        let exchange = client.exchange.phase
        if client.owesRecord == (exchange == .idle || exchange == .done), !client.isClosed {
            breach("one record each", "phase \(exchange) of request \(client.request)")
        }
        // One write above the mark, one read of the endpoint, and what a kernel held when the
        // endpoint ended.
        let most =
            Limits.writeHigh + Limits.readBytes + options.serverNetwork.window
            + Limits.framingBytes
        if client.socket.pending > most {
            breach("bounds hold", "\(client.socket.pending) bytes wait for a caller")
        }
        if client.inbound.count > Limits.waitingBytes + Limits.readBytes
            + options.callerNetwork.window
        {
            breach("bounds hold", "\(client.inbound.count) bytes of requests are held")
        }
        if let body = client.body,
            body.count > client.exchange.snapshot.limits.bufferedBodyBytesMax
        {
            breach("bounds hold", "\(body.count) bytes of a body are held")
        }
        let late = client.exchange.deadline + .milliseconds(50)
        if exchange != .idle, exchange != .done, !client.isClosed, late < now {
            breach("deadlines hold", "request \(client.request) is past its deadline")
        }
    }

    /// Every exchange that was recorded must be decided the same way again.
    private func checkReplays(of loop: ProxyLoop) {
        for kept in loop.shard.recorder.all {
            var recording = kept
            if options.sabotage == .forgesRecordings { recording.events[0].outcome.parts ^= 1 }
            do {
                let replay = try Replay.run(recording) { version in
                    proxy.published.last { $0.version == version }
                }
                outcome.replays += 1
                if let difference = replay.difference {
                    breach("decisions can be replayed", "\(recording.id): \(difference)")
                }
            } catch  where recording.gap != nil {
                continue
            } catch {
                breach("decisions can be replayed", "\(recording.id): \(error.reason)")
            }
        }
    }

    /// The proxy is about to use `endpoint` for `request`.
    func checkEndpoint(_ endpoint: EndpointID, in snapshot: Snapshot, request number: Int) {
        guard options.checkEvery > 0, requests.indices.contains(number),
            let request = requests[number]
        else { return }
        let name = Array(request.item.model.utf8)
        let backend = snapshot.endpoints[Int(endpoint)].backend
        let isAllowed: Bool
        if let model = snapshot.models.first(where: { $0.name == name }) {
            isAllowed =
                model.targets.contains { $0.backend == backend && $0.weight > 0 }
                || model.fallbacks.contains { $0.backend == backend }
        } else {
            // Without a model, some rule must send its requests there.
            isAllowed = snapshot.rules.contains { rule in
                guard case .forward(let targets) = rule.action else { return false }
                return targets.contains {
                    $0.weight > 0 && $0.destination == .backend(backend)
                }
            }
        }
        if !isAllowed || snapshot.endpoints[Int(endpoint)].weight <= 0 {
            breach(
                "only allowed endpoints",
                "\(snapshot.endpoints[Int(endpoint)].authority) for \(request.item.model)")
        }
    }

    /// A server was sent data of `label`.
    func checkPlace(of label: String, server authority: String, request number: Int) {
        guard let allowed = options.confined[label] else { return }
        if let end = options.confinedUntil[authority], now > end + .milliseconds(100) {
            breach(
                "labelled data stays",
                "request \(number) brought data of label \(label) to \(authority), whose "
                    + "evidence has expired")
        }
        if !allowed.contains(authority) {
            breach(
                "labelled data stays",
                "request \(number) brought data of label \(label) to \(authority)")
        }
    }

    /// A server that asked to be left alone is asked by `request`.
    func checkPause(of server: SimulatedServer, request number: Int) {
        guard now > server.pausesFrom + .milliseconds(100), now < server.pausesUntil else { return }
        breach(
            "servers are left alone",
            "request \(number) asked \(server.plan.authority), which takes nothing for another "
                + "\((server.pausesUntil - now).milliseconds)")
    }

    /// A question about request `number` goes to the endpoint `pick` of `snapshot`.
    func checkQuestion(_ pick: Pick, of snapshot: Snapshot, request number: Int) {
        guard !options.confined.isEmpty, requests.indices.contains(number),
            let label = requests[number]?.item.dataLabel
        else { return }
        let authority = snapshot.endpoints[Int(pick.endpoint)].authority
        checkPlace(of: label, server: authority, request: number)
    }

    /// Every server that got labelled data of `request` stands in the receipt of its `record`.
    private func checkReceipt(_ request: SimulatedRequest, _ record: ExchangeRecord) {
        guard !options.confined.isEmpty, let label = request.item.dataLabel else { return }
        for attempt in request.attempts {
            guard let log = attempts[attempt] else { continue }
            let authority = servers[log.server].plan.authority
            let isThere = record.residency?.hops.contains { hop in
                hop.endpoint == authority && hop.wasSent
            }
            if isThere != true || record.residency?.labels != [label] {
                breach(
                    "receipts tell where data went",
                    "request \(request.number) went to \(authority) with label \(label), and its "
                        + "receipt says nothing of it")
            }
        }
    }

    /// What a caller saw and what the record says are two accounts of one thing.
    func checkAgreement(_ request: SimulatedRequest, _ record: ExchangeRecord) {
        checkReceipt(request, record)
        let seen = request.observation
        guard options.callerNetwork.resetPermille == 0, seen.ending != .left,
            !request.wasResent
        else { return }
        let isCut = record.flags.contains(.truncated)
        if seen.ending == .whole || seen.ending == .refused {
            if isCut || record.flags.contains(.clientAborted) {
                breach(
                    "records tell what callers saw",
                    "request \(seen.number) came whole, its record says otherwise")
            }
            if seen.status != Int(record.status) {
                breach(
                    "records tell what callers saw",
                    "status \(seen.status) in the answer, \(record.status) in the record")
            }
        }
        if seen.ending == .truncated, !isCut, !record.flags.contains(.clientAborted) {
            breach(
                "records tell what callers saw",
                "request \(seen.number) was cut, its record knows nothing of it")
        }
        if seen.ending == .refused, record.refusal == nil {
            breach("refusals have a code", "request \(seen.number) got \(seen.status)")
        }
        // An answer that several servers wrote cost more than the caller was given.
        if seen.ending == .whole, seen.status == 200, options.verifies,
            !record.flags.contains(.resumed), let said = record.tokens.output,
            Int(said) != seen.tokens
        {
            breach(
                "usage is the server's",
                "request \(seen.number) took \(seen.tokens) tokens, its record says \(said)")
        }
    }

    /// Everything has come to its end: nothing may be left over.
    func checkEnd() {
        for loop in proxy.loops {
            check(loop)
            if loop.shard.fleet.inFlight != 0 {
                breach("attempts are settled", "\(loop.shard.fleet.inFlight) left at the end")
            }
            if loop.shard.metrics.mesh.activeRequests != 0 {
                breach(
                    "exchanges are settled",
                    "\(loop.shard.metrics.mesh.activeRequests) left at the end")
            }
            if loop.shard.ledger.outstanding != 0 {
                breach(
                    "reservations are settled",
                    "\(loop.shard.ledger.outstanding) left at the end")
            }
            if options.checkEvery > 0 { checkReplays(of: loop) }
        }
        if openRequests > 0 {
            breach("every caller comes to an end", "\(openRequests) still wait")
        }
        for case let request? in requests where request.begun != request.records {
            breach(
                "one record each",
                "request \(request.number): \(request.begun) exchanges, "
                    + "\(request.records) records")
        }
    }
}
