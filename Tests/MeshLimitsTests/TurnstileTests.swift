// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot
import Testing

@testable import MeshLimits

@Suite("The turnstile of a backend") struct TurnstileTests {
    private var now = Instant(nanoseconds: 10_000_000_000)
    private var turnstile: Turnstile
    private var calls: [TurnstileCall] = []
    private var tickets: UInt64 = 0

    init() { turnstile = Self.turnstile(2) }

    private static func turnstile(
        _ limit: Int, queue: Int = 3, timeout: Nanoseconds = .seconds(5)
    ) -> Turnstile {
        Turnstile(
            "default/b",
            OverloadSettings(
                concurrency: .fixed(limit), queueMax: queue, queueTimeout: timeout,
                queueTarget: .milliseconds(500)),
            loops: 1, at: Instant(nanoseconds: 10_000_000_000))
    }

    private mutating func enter(
        _ priority: Int = 0, deadline: Instant = .distantFuture
    ) -> TurnstileAnswer {
        tickets += 1
        return turnstile.enter(
            priority: priority, deadline: deadline, ticket: tickets, pass: .none, calls: &calls,
            at: now)
    }

    private func reason(_ answer: TurnstileAnswer) -> TurnstileRefusal.Reason? {
        if case .refused(let refusal) = answer { refusal.reason } else { nil }
    }

    @Test("who finds a place enters, the next ones wait, and more are turned away")
    mutating func fills() {
        for _ in 0..<2 { #expect(enter() == .enters(.none)) }
        for ticket in 3...5 {
            #expect(
                enter()
                    == .waits(.none, ticket: UInt64(ticket), until: now + .seconds(5)))
        }
        #expect(reason(enter()) == .full)
        turnstile.leave(&calls, at: now)
        #expect(calls == [TurnstileCall(ticket: 3, isLetIn: true)])
        #expect(turnstile.inside == 2 && turnstile.queue.count == 2)
        #expect(turnstile.tally.entered == 2 && turnstile.tally.waited == 1)
        #expect(turnstile.tally.refused == [0, 1, 0, 0, 0])
    }

    @Test("below 0 nobody waits, and who is worth more takes the place of who is worth less")
    mutating func priorities() {
        for _ in 0..<2 { _ = enter(-1) }
        #expect(reason(enter(-1)) == .priority)
        for _ in 0..<3 { _ = enter(0) }
        let answer = enter(7)
        #expect(answer == .waits(.none, ticket: tickets, until: now + .seconds(5)))
        #expect(calls == [TurnstileCall(ticket: tickets - 1, isLetIn: false)])
        calls = []
        turnstile.leave(&calls, at: now)
        #expect(calls == [TurnstileCall(ticket: tickets, isLetIn: true)])
    }

    @Test("how long nobody came makes nobody late")
    mutating func idle() {
        _ = enter()
        now = now + .seconds(3_600)
        turnstile.leave(&calls, at: now)
        for _ in 0..<2 { #expect(enter() == .enters(.none)) }
        #expect(enter() == .waits(.none, ticket: tickets, until: now + .seconds(5)))
        #expect(enter() == .waits(.none, ticket: tickets, until: now + .seconds(5)))
    }

    @Test("who has no time for its turn is told at once")
    mutating func late() {
        for _ in 0..<3 { _ = enter() }
        // A place becomes free each second.
        for _ in 0..<30 {
            now = now + .seconds(1)
            turnstile.leave(&calls, at: now)
            _ = enter()
        }
        #expect(reason(enter(0, deadline: now + .milliseconds(500))) == .late)
        #expect(reason(enter(0, deadline: now)) == .late)
        #expect(reason(enter(0, deadline: now + .seconds(4))) == nil)
    }

    @Test("while the queue never gets empty the newest goes first and old ones are turned away")
    mutating func pressure() {
        turnstile = Self.turnstile(1, queue: 10)
        for _ in 0..<4 { _ = enter() }
        now = now + .milliseconds(900)
        _ = enter()
        turnstile.tick(&calls, at: now)
        // Many may have come together.
        #expect(calls.isEmpty)
        now = now + .milliseconds(300)
        turnstile.tick(&calls, at: now)
        // For 1,200 ms somebody has waited, tickets 2 to 4 all the time.
        #expect(calls == (2...4).map { TurnstileCall(ticket: $0, isLetIn: false) })
        calls = []
        _ = enter()
        turnstile.leave(&calls, at: now)
        #expect(calls == [TurnstileCall(ticket: 6, isLetIn: true)])
    }

    @Test("who waits while half as many are let in to measure is not turned away for it")
    mutating func measuring() {
        turnstile = Turnstile(
            "default/b", OverloadSettings(queueTarget: .milliseconds(500)), loops: 1, at: now)
        for _ in 0..<8 { _ = enter() }
        // From now on it grows slowly, and may measure.
        turnstile.overloaded(at: now + .seconds(1))
        while !turnstile.limit.isMeasuring, now.nanoseconds < 30_000_000_000 {
            now = now + .milliseconds(25)
            while turnstile.queue.count < 2 { _ = enter() }
            turnstile.leave(&calls, at: now)
            turnstile.observe(.milliseconds(10), &calls, at: now)
        }
        #expect(turnstile.limit.isMeasuring)
        while turnstile.queue.count < 10 { _ = enter() }
        calls = []
        now = now + .milliseconds(900)
        turnstile.tick(&calls, at: now)
        for _ in 0..<10 {
            now = now + .milliseconds(25)
            turnstile.observe(.milliseconds(10), &calls, at: now)
        }
        #expect(!turnstile.limit.isMeasuring)
        turnstile.tick(&calls, at: now)
        #expect(calls.allSatisfy(\.isLetIn) && turnstile.tally.refused.allSatisfy { $0 == 0 })
        // A second later they have waited for too long.
        now = now + .milliseconds(1_001)
        turnstile.tick(&calls, at: now)
        #expect(calls.contains { !$0.isLetIn })
    }

    @Test("a few are kept however long they have waited, so that a free place finds somebody")
    mutating func spared() {
        turnstile = Self.turnstile(1, queue: 10)
        for _ in 0..<4 { _ = enter() }
        now = now + .seconds(3)
        turnstile.tick(&calls, at: now)
        #expect(turnstile.queue.count == 1)
    }

    @Test("who gives up is not called, and Retry-After grows with the queue")
    mutating func givesUp() {
        for _ in 0..<4 { _ = enter() }
        #expect(turnstile.giveUp(3)?.reason == .timeout)
        #expect(turnstile.giveUp(3) == nil)
        turnstile.leave(&calls, at: now + .seconds(2))
        #expect(calls == [TurnstileCall(ticket: 4, isLetIn: true)])
        #expect(turnstile.refusal(.full).retryAfter == .seconds(2))
    }
}

@Suite("The turnstiles of all backends") struct TurnstilesTests {
    private func snapshot(_ limits: [Int?]) -> Snapshot {
        let policies = limits.compactMap { $0 }.map {
            OverloadPolicy(name: "default/p", settings: OverloadSettings(concurrency: .fixed($0)))
        }
        var next: OverloadID = -1
        let backends = limits.enumerated().map { number, limit in
            if limit != nil { next += 1 }
            return Backend(
                name: "default/b\(number)", endpoints: 0..<0,
                overload: limit == nil ? -1 : next)
        }
        return Snapshot(
            version: 1, ports: [], rules: [], backends: backends, endpoints: [], models: [],
            overload: policies, limits: ConnectionLimits(), telemetry: TelemetrySettings(),
            drainTimeout: .seconds(1))
    }

    private let now = Instant(nanoseconds: 0)

    @Test("backends without a policy let everybody in")
    func absent() {
        var turnstiles = Turnstiles(loops: 1)
        turnstiles.adopt(snapshot([nil, 1]), at: now)
        for _ in 0..<5 {
            #expect(
                turnstiles.enter(0, priority: -5, deadline: now, at: now) == .enters(.none))
        }
        #expect(turnstiles.statistics.map(\.limit) == [1])
        turnstiles.leave(.none, at: now)
        #expect(turnstiles.misuses == 0)
    }

    @Test("what is in stays in over a reload, and places are used again")
    func reload() {
        var turnstiles = Turnstiles(loops: 1)
        turnstiles.adopt(snapshot([2]), at: now)
        guard
            case .enters(let pass) = turnstiles.enter(
                0, priority: 0, deadline: .distantFuture, at: now)
        else {
            Issue.record("no place")
            return
        }
        turnstiles.adopt(snapshot([2]), at: now)
        #expect(turnstiles.totals.inside == 1 && turnstiles.statistics[0].inside == 1)
        turnstiles.adopt(snapshot([5]), at: now)
        #expect(turnstiles.totals.inside == 1 && turnstiles.statistics[0].inside == 0)
        turnstiles.leave(pass, at: now)
        #expect(turnstiles.totals.inside == 0 && turnstiles.misuses == 0)
        for limit in 6..<30 { turnstiles.adopt(snapshot([limit]), at: now) }
        #expect(turnstiles.statistics.map(\.limit) == [29])
    }

    @Test("whoever gives up after it was called gives its place to the next")
    func calledAndGone() {
        var turnstiles = Turnstiles(loops: 1)
        turnstiles.adopt(snapshot([1]), at: now)
        guard
            case .enters(let pass) = turnstiles.enter(
                0, priority: 0, deadline: .distantFuture, at: now),
            case .waits(let promised, let first, _) = turnstiles.enter(
                0, priority: 0, deadline: .distantFuture, at: now),
            case .waits(_, let second, _) = turnstiles.enter(
                0, priority: 0, deadline: .distantFuture, at: now)
        else {
            Issue.record("not as expected")
            return
        }
        turnstiles.leave(pass, at: now)
        #expect(turnstiles.calls == [TurnstileCall(ticket: first, isLetIn: true)])
        _ = turnstiles.giveUp(first, promised, at: now)
        #expect(turnstiles.takeCalls() == [TurnstileCall(ticket: second, isLetIn: true)])
        #expect(turnstiles.totals == (1, 0) && turnstiles.misuses == 0)
    }
}
