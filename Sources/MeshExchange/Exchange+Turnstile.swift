// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshLimits
import MeshPolicy
import MeshRouting
import MeshSnapshot
import MeshTelemetry
package import MeshWire

/// Whether a backend has a place for the request now: OverloadPolicies.
///
/// ```
///  dispatch ──> turnstile ──> in ──────────────> endpoint … finish ──> place is free
///                 ├────> waits ──> called ──┘
///                 └────> refused ──> a fallback of the model, or 503 / 429
/// ```
///
/// A place is held from the first attempt at a backend until the exchange ends or goes to another
/// backend, retries included.
///
/// Invariant: a place that was taken is given back once, and whoever waits is called once or gives
/// up once.
extension Exchange {
    /// Asks the turnstile of the present backend. Answers a step for a request that waits or is
    /// refused; nil for one that is in, also where there is no turnstile.
    mutating func enterTurnstile(
        after delay: Nanoseconds, shard: inout Shard, at now: Instant
    ) -> Step? {
        let id = snapshot.backends[Int(backend)].overload
        if let turnstile, turnstile.backend == backend, turnstile.pass != nil { return nil }
        leaveTurnstile(shard: &shard, at: now)
        guard id >= 0 else { return nil }
        let notes = turnstile ?? TurnstileNotes()
        turnstile = notes
        notes.backend = backend
        notes.delay = delay
        notes.since = now
        notes.isObserved = false
        let priority = notes.priorities.first { $0.policy == id }?.priority
        let known = shard.number(of: backend, in: snapshot)
        let rank = priority ?? OverloadPolicy.priorityUsual
        let answer: TurnstileAnswer
        if rank < 0, shard.pressure >= .sheds, tape?.isReplay != true {
            answer = .refused(
                TurnstileRefusal(.priority, inside: 0, waiting: 0, retryAfter: .seconds(1)))
        } else if let then = tape?.recordedTurnstile() {
            answer = then
        } else {
            answer = shard.turnstiles.enter(
                known, priority: rank, deadline: requestDeadline, at: now)
        }
        tape?.keep(answer)
        switch answer {
        case .enters(let pass):
            notes.pass = pass
            return nil
        case .waits(let pass, let ticket, let until):
            notes.promised = pass
            notes.ticket = ticket
            phase = .queued
            waitDeadline = until
            attemptDeadline = .distantFuture
            // Of a first attempt that failed.
            hedgeAt = .distantFuture
            updateDeadline()
            tape?.say(
                .admit,
                "backend \(snapshot.backends[Int(backend)].name) has no place for it yet: it "
                    + "waits with priority \(rank)")
            return Step()
        case .refused(let refusal):
            return turnedAway(refusal, shard: &shard, at: now)
        }
    }

    /// The wait of whoever waits under `turnstileTicket` is over.
    ///
    /// Copies that fall to the request go out once it does, wherever it then goes.
    package mutating func turnstileOpened(
        _ end: QueueEnd, _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?,
        shard: inout Shard, at now: Instant
    ) -> Step {
        guard phase == .queued, let turnstile else { return Step() }
        note(.turnstileOpened, shard, at: now)
        tape?.amend { $0.text = end.rawValue }
        var step = endQueue(end, turnstile, shard: &shard, at: now)
        if turnstile.owesCopies, step.dispatch != nil {
            turnstile.owesCopies = false
            sendCopies(head, bytes, body: body, in: &step, shard: &shard, at: now)
        }
        return noted(step, &shard)
    }

    private mutating func endQueue(
        _ end: QueueEnd, _ turnstile: TurnstileNotes, shard: inout Shard, at now: Instant
    ) -> Step {
        let (ticket, promised) = (turnstile.ticket, turnstile.promised)
        turnstile.ticket = 0
        turnstile.promised = .none
        record.queued = (record.queued ?? .zero) + (now - turnstile.since)
        if end == .letIn {
            turnstile.pass = promised
            phase = .dispatched
            tape?.say(.admit, "it has a place after \((now - turnstile.since).milliseconds)")
            return dispatch(after: turnstile.delay, shard: &shard, at: now)
        }
        var refusal = tape?.turnstileRefusal()
        if refusal == nil, end == .tooLate {
            refusal = shard.turnstiles.giveUp(ticket, promised, at: now)
        }
        let known = refusal ?? shard.turnstiles.refusal(promised)
        tape?.keep(.refused(known))
        return turnedAway(known, shard: &shard, at: now)
    }

    /// What the exchange waits under at a turnstile, or 0.
    package var turnstileTicket: UInt64 { phase == .queued ? turnstile?.ticket ?? 0 : 0 }

    /// Whether it holds a place at a turnstile.
    package var holdsPlace: Bool { turnstile?.pass != nil && turnstile?.pass != TurnstilePass.none }

    /// Gives back whatever the exchange has or waits for at a turnstile.
    mutating func leaveTurnstile(shard: inout Shard, at now: Instant) {
        guard let turnstile else { return }
        if let pass = turnstile.pass {
            turnstile.pass = nil
            if tape?.isReplay != true { shard.turnstiles.leave(pass, at: now) }
        }
        if turnstile.ticket != 0 {
            let (ticket, promised) = (turnstile.ticket, turnstile.promised)
            turnstile.ticket = 0
            turnstile.promised = .none
            if tape?.isReplay != true { _ = shard.turnstiles.giveUp(ticket, promised, at: now) }
        }
    }

    /// The head of an answer came, with `status`. A stream really begins with its first event.
    mutating func noteAnswer(_ status: Int, shard: inout Shard, at now: Instant) {
        guard let turnstile, let pass = turnstile.pass, tape?.isReplay != true else { return }
        if status == 429 || status == 503 {
            turnstile.isObserved = true
            return shard.turnstiles.overloaded(pass, at: now)
        }
        if case .stream = reading { return }
        guard !turnstile.isObserved else { return }
        turnstile.isObserved = true
        shard.turnstiles.observe(now - attemptStarted, pass, at: now)
    }

    /// An attempt ran into a deadline: the answer would have begun later still.
    mutating func noteTimeout(shard: inout Shard, at now: Instant) {
        guard let turnstile, let pass = turnstile.pass, !turnstile.isObserved,
            tape?.isReplay != true
        else {
            return
        }
        turnstile.isObserved = true
        shard.turnstiles.observe(now - attemptStarted, pass, at: now)
    }

    /// Whether `reportFirstEvent` has something to say.
    @inline(__always)
    package var owesFirstEvent: Bool {
        guard let turnstile, let firstTokenAt else { return false }
        // Of a stream that goes on elsewhere the first event came from the endpoint before.
        return firstTokenAt >= attemptStarted && !turnstile.isObserved && turnstile.pass != nil
    }

    /// Tells the turnstile when the stream's first event came. To be called after a piece of an
    /// answer's body when `owesFirstEvent`.
    package mutating func reportFirstEvent(shard: inout Shard, at now: Instant) {
        guard let turnstile, let pass = turnstile.pass, let firstTokenAt else { return }
        turnstile.isObserved = true
        shard.turnstiles.observe(firstTokenAt - attemptStarted, pass, at: now)
    }

    /// Finds out what the request is worth at the turnstiles that it may come to.
    mutating func rank(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, shard: inout Shard
    ) {
        var reachable = [backend]
        if model >= 0 { reachable += snapshot.models[Int(model)].fallbacks.map(\.backend) }
        var facts = shard.takeFacts(for: snapshot)
        for id in reachable.map({ snapshot.backends[Int($0)].overload }) where id >= 0 {
            let policy = snapshot.overload[Int(id)]
            if policy.priorities.isEmpty { continue }
            let notes = turnstile ?? TurnstileNotes()
            turnstile = notes
            if notes.priorities.contains(where: { $0.policy == id }) { continue }
            let rule = policy.priorities.first { rule in
                for slot in rule.program.slots where !facts.isFilled(slot) {
                    fill(slot, of: &facts, head, bytes, body: body)
                }
                if case .holds = rule.program.verdict(facts) { return true }
                return false
            }
            guard let rule else { continue }
            tape?.say(.admit, "priority \(rule.priority) by \(policy.name)/\(rule.name)")
            notes.priorities.append((id, rule.priority))
        }
        shard.putBack(&facts, of: snapshot)
    }

    private mutating func turnedAway(
        _ refusal: TurnstileRefusal, shard: inout Shard, at now: Instant
    ) -> Step {
        let name = snapshot.backends[Int(backend)].name
        tape?.say(.admit, "backend \(name) has no place for it: \(refusal.reason.rawValue)")
        if phase == .queued { phase = .dispatched }
        if arm >= 0 { armFailed = true }
        if now < requestDeadline, let step = nextTarget(shard: &shard, at: now) { return step }
        return refuse(Refusal(refusal, at: name), shard: &shard, at: now)
    }
}

/// How a wait at a turnstile ends.
package enum QueueEnd: String, Sendable, Hashable {
    /// The turnstile called: there is a place.
    case letIn = "in"
    /// The turnstile called: there will be none.
    case turnedAway = "out"
    /// The exchange's deadline passed.
    case tooLate = "late"
}

/// What an exchange remembers of turnstiles. An object, because most exchanges meet none.
final class TurnstileNotes {
    /// The backend whose place it holds or waits for.
    var backend: BackendID = -1
    /// The place that it holds.
    var pass: TurnstilePass?
    /// The place that it waits for, under `ticket`.
    var promised = TurnstilePass.none
    /// What it waits under, or 0.
    var ticket: UInt64 = 0
    /// When it came to the turnstile.
    var since = Instant(nanoseconds: 0)
    /// The pause before the attempt that waits.
    var delay = Nanoseconds.zero
    /// Whether copies go out with the first attempt, which is yet to come.
    var owesCopies = false
    /// Whether the turnstile knows when the present answer began.
    var isObserved = false
    /// What the request is worth under each policy that it may meet.
    var priorities: [(policy: OverloadID, priority: Int)] = []
}

extension Refusal {
    /// The refusal of a request that the backend called `name` has no place for.
    init(_ refusal: TurnstileRefusal, at name: String) {
        let state = "\(refusal.inside) requests are in and \(refusal.waiting) wait"
        let why =
            switch refusal.reason {
            case .priority: "requests of a priority below 0 never wait"
            case .full: "no more may wait"
            case .late: "the request has no time to wait for its turn"
            case .timeout: "it has waited for as long as it may"
            case .dropped: "others were more urgent"
            }
        self.init(
            .overloaded, status: refusal.reason == .priority ? 429 : 503,
            message: "backend \(name) has no place for the request now (\(state)), and \(why); "
                + "try again as Retry-After says, or raise the bounds of its OverloadPolicy",
            retryAfter: refusal.retryAfter)
    }
}
