// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// The turnstiles of all backends that have an OverloadPolicy, as one shard sees them.
///
/// Each event loop has its own part of every bound and finds its own limit: what the others send
/// shows in how long answers take.
///
/// Invariant: of one backend never more are in than its limit was when they entered, and whoever
/// waits is called once: let in, or turned away.
package struct Turnstiles: Sendable {
    private var turnstiles: [Turnstile] = []
    /// The turnstile of each backend of the present snapshot, or -1.
    private var present: [Int32] = []
    private let loops: Int
    private var tickets: UInt64 = 0
    /// Who waited and must be told: taken by the driver, which then calls `turnstileOpened` of
    /// each.
    package private(set) var calls: [TurnstileCall] = []
    /// Reports that fitted nothing.
    package private(set) var misuses = 0

    /// No turnstiles, for one of `loops` event loops.
    package init(loops: Int) { self.loops = max(1, loops) }

    /// Takes over the policies of `next`. A backend whose policy has the same numbers as before
    /// keeps what was learnt; one that has others begins anew, and whoever waits for it is turned
    /// away by its own deadline.
    package mutating func adopt(_ next: Snapshot, at now: Instant) {
        if next.overload.isEmpty, turnstiles.isEmpty { return }
        present = Array(repeating: -1, count: next.backends.count)
        var fresh: [Int] = []
        for (number, backend) in next.backends.enumerated() where backend.overload >= 0 {
            let settings = next.overload[Int(backend.overload)].settings
            let known = turnstiles.firstIndex { $0.name == backend.name && $0.settings == settings }
            if let known { present[number] = Int32(known) } else { fresh.append(number) }
        }
        for number in fresh {
            let backend = next.backends[number]
            let settings = next.overload[Int(backend.overload)].settings
            let turnstile = Turnstile(backend.name, settings, loops: loops, at: now)
            let vacant = turnstiles.indices.first { place in
                !present.contains(Int32(place)) && turnstiles[place].isVacant
            }
            if let vacant { turnstiles[vacant] = turnstile } else { turnstiles.append(turnstile) }
            present[number] = Int32(vacant ?? turnstiles.count - 1)
        }
    }

    /// How a request of `priority` to `backend`, numbered as in the present snapshot, fares. It
    /// must be done by `deadline`.
    package mutating func enter(
        _ backend: BackendID, priority: Int, deadline: Instant, at now: Instant
    ) -> TurnstileAnswer {
        guard present.indices.contains(Int(backend)), present[Int(backend)] >= 0 else {
            return .enters(.none)
        }
        let place = present[Int(backend)]
        tickets += 1
        return turnstiles[Int(place)].enter(
            priority: priority, deadline: deadline, ticket: tickets,
            pass: TurnstilePass(place: place), calls: &calls, at: now)
    }

    /// The request that held `pass` is through with the backend.
    package mutating func leave(_ pass: TurnstilePass, at now: Instant) {
        guard pass.place >= 0 else { return }
        guard turnstiles[Int(pass.place)].inside > 0 else {
            misuses += 1
            return
        }
        turnstiles[Int(pass.place)].leave(&calls, at: now)
    }

    /// The request that waits under `ticket` for `pass` waits no longer; answers why it is not let
    /// in when its time is over.
    package mutating func giveUp(
        _ ticket: UInt64, _ pass: TurnstilePass, at now: Instant
    ) -> TurnstileRefusal? {
        guard pass.place >= 0 else { return nil }
        if let at = calls.firstIndex(where: { $0.ticket == ticket }) {
            // It was called and has not heard it yet.
            let call = calls.remove(at: at)
            if call.isLetIn { turnstiles[Int(pass.place)].giveBack(&calls, at: now) }
            return turnstiles[Int(pass.place)].refusal(.timeout)
        }
        let refusal = turnstiles[Int(pass.place)].giveUp(ticket)
        if refusal == nil { misuses += 1 }
        return refusal
    }

    /// Why whoever waited for `pass` is turned away.
    package func refusal(_ pass: TurnstilePass) -> TurnstileRefusal {
        guard pass.place >= 0 else {
            return TurnstileRefusal(.dropped, inside: 0, waiting: 0, retryAfter: .seconds(1))
        }
        return turnstiles[Int(pass.place)].refusal(.dropped)
    }

    /// An answer to the request that holds `pass` began `latency` after it was sent.
    package mutating func observe(_ latency: Nanoseconds, _ pass: TurnstilePass, at now: Instant) {
        guard pass.place >= 0 else { return }
        turnstiles[Int(pass.place)].observe(latency, &calls, at: now)
    }

    /// The backend answered that it has too much to do.
    package mutating func overloaded(_ pass: TurnstilePass, at now: Instant) {
        guard pass.place >= 0 else { return }
        turnstiles[Int(pass.place)].overloaded(at: now)
    }

    /// Turns away who waits for too long; to be called a few times a second.
    package mutating func tick(at now: Instant) {
        for place in turnstiles.indices { turnstiles[place].tick(&calls, at: now) }
    }

    /// Hands over who must be told, and forgets them.
    package mutating func takeCalls() -> [TurnstileCall] {
        var taken: [TurnstileCall] = []
        swap(&taken, &calls)
        return taken
    }

    /// Hands what was counted of each turnstile of the present snapshot to `take`, with the number
    /// of its backend, and counts from nothing again.
    package mutating func drainTallies(_ take: (BackendID, TurnstileTally) -> Void) {
        for (backend, place) in present.enumerated() where place >= 0 {
            take(BackendID(backend), turnstiles[Int(place)].tally)
            turnstiles[Int(place)].tally = TurnstileTally()
        }
    }

    /// How the turnstiles of the present snapshot stand.
    package var statistics: [TurnstileStatistics] {
        present.enumerated().compactMap { backend, place in
            guard place >= 0 else { return nil }
            let turnstile = turnstiles[Int(place)]
            return TurnstileStatistics(
                backend: BackendID(backend), name: turnstile.name, limit: turnstile.limit.capacity,
                inside: turnstile.inside, waiting: turnstile.queue.count,
                floor: turnstile.limit.floor.map { Nanoseconds(Int64($0)) })
        }
    }

    /// Requests that are in, and requests that wait, at all turnstiles. For tests and simulation.
    package var totals: (inside: Int, waiting: Int) {
        turnstiles.reduce((0, 0)) { ($0.0 + $1.inside, $0.1 + $1.queue.count) }
    }
}

/// How one turnstile stands.
package struct TurnstileStatistics: Sendable, Hashable {
    /// Its backend, as the present snapshot numbers it.
    package var backend: BackendID
    /// The backend's name.
    package var name: String
    /// How many may be in at once.
    package var limit: Int
    /// How many are in.
    package var inside: Int
    /// How many wait.
    package var waiting: Int
    /// How long answers take to begin without load, once that was measured.
    package var floor: Nanoseconds?
}
