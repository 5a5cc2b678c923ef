// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot
import Testing

@testable import MeshLimits

/// A server with so many slots behind a limit, callers that always have more to send, and time
/// that jumps from event to event.
private struct SlottedServer {
    let slots: Int
    let service: Nanoseconds
    var limit: ConcurrencyLimit
    var now = Instant(nanoseconds: 1_000_000_000)
    var random: SplitMix64
    private var running: [Instant] = []
    private var queued: [Instant] = []
    private var begins: [(at: Instant, after: Nanoseconds)] = []
    private(set) var finished = 0

    init(slots: Int, service: Nanoseconds, settings: OverloadSettings.Concurrency, seed: UInt64) {
        self.slots = slots
        self.service = service
        random = SplitMix64(seed: seed)
        limit = ConcurrencyLimit(settings, loops: 1, at: now)
    }

    var inside: Int { running.count + queued.count }

    private mutating func start(_ sent: Instant) {
        // From half to one and a half of the mean.
        let length = service.rawValue / 2 + Int64(random.below(Int(service.rawValue)))
        running.append(now + Nanoseconds(length))
        begins.append((now + .milliseconds(2), now + .milliseconds(2) - sent))
    }

    /// Lets `span` pass with more requests than fit.
    mutating func run(for span: Nanoseconds) {
        let end = now + span
        while now < end {
            while inside < limit.capacity {
                limit.binds()
                if running.count < slots { start(now) } else { queued.append(now) }
            }
            limit.binds()
            now = min(running.min() ?? end, begins.map(\.at).min() ?? end)
            for begin in begins where begin.at <= now { limit.observe(begin.after, at: now) }
            begins.removeAll { $0.at <= now }
            let done = running.filter { $0 <= now }.count
            running.removeAll { $0 <= now }
            finished += done
            while running.count < slots, !queued.isEmpty { start(queued.removeFirst()) }
        }
    }
}

@Suite("How many requests a backend is given at once") struct ConcurrencyLimitTests {
    @Test(
        "it settles near what the server can do at once, whatever it began with",
        arguments: [(4, 2), (4, 8), (4, 40), (16, 2), (16, 64), (64, 8)], 1...3)
    func settles(_ server: (slots: Int, first: Int), seed: Int) {
        let settings = OverloadSettings.Concurrency.adaptive(.init(first: server.first))
        var sim = SlottedServer(
            slots: server.slots, service: .milliseconds(200), settings: settings,
            seed: UInt64(seed))
        sim.run(for: .seconds(20))
        let before = sim.finished
        sim.run(for: .seconds(60))
        let possible = Double(server.slots) * 60 / 0.2
        let share = Double(sim.finished - before) / possible
        #expect(share > 0.9, "seed \(seed): \(share) of what \(server.slots) slots can do")
        #expect(sim.limit.capacity < server.slots * 2, "seed \(seed): \(sim.limit.capacity)")
    }

    @Test("load that never ends does not raise the floor")
    func floorStays() {
        var sim = SlottedServer(
            slots: 8, service: .milliseconds(100), settings: .adaptive(.init()), seed: 7)
        sim.run(for: .seconds(300))
        let floor = sim.limit.floor.map { $0 / 1e6 } ?? 0
        #expect(floor < 10, "\(floor) ms where 2 ms are true")
    }

    @Test("where answers are long, measuring the floor costs little of them")
    func longAnswers() {
        var sim = SlottedServer(
            slots: 64, service: .seconds(10), settings: .adaptive(.init()), seed: 3)
        sim.run(for: .seconds(200))
        let before = sim.finished
        sim.run(for: .seconds(600))
        let share = Double(sim.finished - before) / (64 * 600 / 10)
        #expect(share > 0.9, "\(share) of what 64 slots can do")
    }

    @Test("bounds hold, and a number that was written does not change")
    func bounds() {
        var sim = SlottedServer(
            slots: 4, service: .milliseconds(50),
            settings: .adaptive(.init(least: 10, most: 20, first: 15)), seed: 1)
        for _ in 0..<50 {
            sim.run(for: .milliseconds(500))
            #expect((10...20).contains(sim.limit.capacity))
        }
        var fixed = SlottedServer(
            slots: 4, service: .milliseconds(50), settings: .fixed(6), seed: 1)
        fixed.run(for: .seconds(10))
        fixed.limit.overloaded(at: fixed.now)
        #expect(fixed.limit.capacity == 6)
    }

    @Test("a backend that says it has too much is believed, once in a while")
    func overloaded() {
        let start = Instant(nanoseconds: 0)
        var limit = ConcurrencyLimit(.adaptive(.init(first: 100)), loops: 1, at: start)
        let later = start + .seconds(1)
        limit.overloaded(at: later)
        limit.overloaded(at: later)
        #expect(limit.capacity == 90)
        limit.overloaded(at: later + .seconds(1))
        #expect(limit.capacity == 81)
    }

    @Test("every loop has its part, and at least one place")
    func loops() {
        let now = Instant(nanoseconds: 0)
        #expect(ConcurrencyLimit(.fixed(9), loops: 4, at: now).capacity == 3)
        #expect(ConcurrencyLimit(.fixed(1), loops: 4, at: now).capacity == 1)
    }
}
