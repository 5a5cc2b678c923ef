// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRollout
import MeshSnapshot
import MeshTelemetry

/// The rollouts of a world: stands where `Controller` stands in production, and asks the same
/// `RolloutBook`.
final class SimulatedRollouts {
    private let world: World
    private let compile: @Sendable ([RolloutShare], UInt64) throws -> Snapshot
    private var book = RolloutBook()

    init(
        world: World, compile: @escaping @Sendable ([RolloutShare], UInt64) throws -> Snapshot
    ) {
        self.world = world
        self.compile = compile
    }

    /// Takes the rollouts of a snapshot, which gives them what they have.
    func adopt(_ snapshot: Snapshot, at now: Instant) {
        let isFirst = book.rollouts.isEmpty
        _ = book.adopt(snapshot.rollouts.plans, totals: totals, wall: wall(now)) { _ in .nothing }
        if isFirst, !book.rollouts.isEmpty { lookLater(at: now) }
    }

    private func lookLater(at now: Instant) {
        world.schedule(at: now + Limits.rolloutInterval) { [self] now in
            guard !world.isOver, book.isLive else { return }
            look(at: now)
            lookLater(at: now)
        }
    }

    private func look(at now: Instant) {
        let former = book.shares
        let changes = book.advance(totals, wall: wall(now), at: now)
        world.outcome.rollouts += changes
        guard book.shares != former else { return }
        do {
            world.publish(try compile(book.shares, world.proxy.snapshot.version + 1), at: now)
        } catch {
            world.breach("rollouts go on", "\(error)")
        }
    }

    private var totals: RolloutTotals {
        var totals = RolloutTotals()
        for loop in world.proxy.loops { totals.add(loop.shard.metrics.armCounts) }
        return totals
    }

    private func wall(_ now: Instant) -> WallTime {
        WallTime(nanoseconds: 1_700_000_000_000_000_000 + Int64(now.nanoseconds))
    }
}
