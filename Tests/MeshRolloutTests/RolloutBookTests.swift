// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRollout
import MeshSnapshot
import MeshTelemetry
import Testing

/// What changes of the configuration and other processes do to rollouts.
@Suite("a book of rollouts")
struct RolloutBookTests {
    private let wall = WallTime(nanoseconds: 0)

    private func plan(_ name: String, fingerprint: UInt64 = 1) -> RolloutPlan {
        var plan = RolloutPlan.sample()
        plan.name = name
        plan.fingerprint = fingerprint
        return plan
    }

    /// So many requests of the canary of `name`, of which some were errors, and as many good ones
    /// of the stable target.
    private func totals(_ name: String, _ requests: UInt64, errors: UInt64 = 0) -> RolloutTotals {
        var canary = ArmCounts()
        canary.requests = requests
        canary.errors = errors
        var stable = ArmCounts()
        stable.requests = requests
        var totals = RolloutTotals()
        totals.add([
            (labels: ArmLabels(rollout: name, arm: .canary), counts: canary),
            (labels: ArmLabels(rollout: name, arm: .stable), counts: stable),
        ])
        return totals
    }

    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: 0) + .seconds(seconds) }

    @Test("a rollout that did not change goes on, one that did begins anew")
    func changes() throws {
        var book = RolloutBook()
        let none = RolloutTotals()
        let begun = book.adopt([plan("d/a"), plan("d/b")], totals: none, wall: wall) { _ in
            .nothing
        }
        #expect(begun.map(\.name) == ["d/a", "d/b"])
        #expect(begun.allSatisfy { $0.former == nil && $0.share.weight == 5 })
        _ = try book.obey(.promote, "d/a", wall: wall)
        _ = try book.obey(.promote, "d/b", wall: wall)
        let changed = book.adopt(
            [plan("d/a"), plan("d/b", fingerprint: 2)], totals: none, wall: wall
        ) { _ in .nothing }
        #expect(changed.map(\.name) == ["d/b"])
        #expect(changed.first?.reason.contains("changed") == true)
        #expect(book.shares.map(\.weight) == [25, 5])
        #expect(book.begun("d/b").first { $0.phase == .progressing }?.count == 3)
    }

    @Test("one that went away goes on where it stood when it comes back")
    func returns() throws {
        var book = RolloutBook()
        let none = RolloutTotals()
        _ = book.adopt([plan("d/a")], totals: none, wall: wall) { _ in .nothing }
        _ = try book.obey(.abort, "d/a", wall: wall)
        _ = book.adopt([], totals: none, wall: wall) { _ in .nothing }
        #expect(book.shares.isEmpty)
        #expect(throws: RolloutRefusal.self) { try book.obey(.restart, "d/a", wall: wall) }
        let back = book.adopt([plan("d/a")], totals: none, wall: wall) { _ in
            Issue.record("the book knows it")
            return .nothing
        }
        #expect(back.map(\.phase) == [.aborted])
        #expect(book.shares.map(\.weight) == [0])
    }

    @Test("what happened while it was away is no evidence")
    func away() {
        var book = RolloutBook()
        let before = totals("d/a", 500, errors: 0)
        _ = book.adopt([plan("d/a")], totals: before, wall: wall) { _ in .nothing }
        #expect(book.advance(before, wall: wall, at: at(1)).isEmpty)
        _ = book.adopt([], totals: before, wall: wall) { _ in .nothing }
        let after = totals("d/a", 900, errors: 400)
        _ = book.adopt([plan("d/a")], totals: after, wall: wall) { _ in .nothing }
        #expect(book.advance(after, wall: wall, at: at(100_000)).isEmpty)
        #expect(book.rollout("d/a")?.counts.canary.requests == 0)
        #expect(book.rollout("d/a")?.state.held == .zero)
    }

    @Test("what was counted before it began counts no more")
    func baseline() {
        var book = RolloutBook()
        let before = totals("d/a", 500, errors: 500)
        _ = book.adopt([plan("d/a")], totals: before, wall: wall) { _ in .nothing }
        #expect(book.advance(before, wall: wall, at: at(1)).isEmpty)
        #expect(book.rollout("d/a")?.counts.canary.requests == 0)
        let after = totals("d/a", 503, errors: 501)
        #expect(book.advance(after, wall: wall, at: at(2)).isEmpty)
        #expect(book.rollout("d/a")?.counts.canary.requests == 3)
        #expect(book.rollout("d/a")?.counts.canary.errors == 1)
        // The same totals again are nothing new.
        _ = book.advance(after, wall: wall, at: at(3))
        #expect(book.rollout("d/a")?.counts.canary.requests == 3)
    }

    @Test("it goes on from what was kept, and begins anew by another plan")
    func kept() throws {
        var first = RolloutBook()
        let none = RolloutTotals()
        _ = first.adopt([plan("d/a")], totals: none, wall: wall) { _ in .nothing }
        _ = try first.obey(.promote, "d/a", wall: wall)
        let state = try #require(first.rollout("d/a")?.state)
        var next = RolloutBook()
        let change = next.adopt([plan("d/a")], totals: none, wall: wall) { _ in .state(state) }
        #expect(change.first?.reason == state.reason)
        #expect(next.shares.map(\.weight) == [25])
        #expect(next.begun("d/a").allSatisfy { $0.count == 0 })
        var other = RolloutBook()
        _ = other.adopt([plan("d/a", fingerprint: 9)], totals: none, wall: wall) { _ in
            .state(state)
        }
        #expect(other.shares.map(\.weight) == [5])
    }

    @Test("what cannot be read gives the canary nothing until a person begins anew")
    func unreadable() throws {
        var book = RolloutBook()
        let told = book.adopt([plan("d/a")], totals: RolloutTotals(), wall: wall) { _ in
            .unreadable("the file was cut off")
        }
        #expect(
            told.map(\.line) == [
                "rollout d/a: Unknown, the canary gets 0 %: the file was cut off"
            ])
        #expect(!book.isLive)
        #expect(book.advance(totals("d/a", 90), wall: wall, at: at(900)).isEmpty)
        #expect(throws: RolloutRefusal.self) { try book.obey(.promote, "d/a", wall: wall) }
        #expect(try book.obey(.restart, "d/a", wall: wall).share.weight == 5)
        // What is of another rollout, or of steps that are not there, is as good as unreadable.
        var foreign = RolloutBook()
        _ = foreign.adopt([plan("d/b")], totals: RolloutTotals(), wall: wall) { _ in
            book.rollout("d/a").map { .state($0.state) } ?? .nothing
        }
        #expect(foreign.rollout("d/b")?.state.phase == .unknown)
    }

    @Test("one that errs goes back, and the others go on")
    func apart() {
        var book = RolloutBook()
        _ = book.adopt([plan("d/a"), plan("d/b")], totals: RolloutTotals(), wall: wall) { _ in
            .nothing
        }
        let changes = book.advance(totals("d/b", 40, errors: 40), wall: wall, at: at(1))
        #expect(changes.map(\.name) == ["d/b"])
        #expect(changes.first?.phase == .rolledBack)
        #expect(book.shares.map(\.weight) == [5, 0])
        #expect(book.isLive)
    }
}
