// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot
package import MeshTelemetry

/// Every rollout of a configuration, as whoever drives them keeps it.
///
/// ```
///  configuration ──> adopt ──> shares ──> snapshot ──> arms count
///                      ^         ^                        │
///     what was kept ───┘         └── advance, obey <──────┘
/// ```
///
/// A rollout whose resource did not change goes on over any change of the configuration. One that
/// changed begins anew. One that went away is remembered, and goes on where it stood when it comes
/// back: a canary that was sent back is not tried again by mistake.
package struct RolloutBook: Sendable {
    private var entries: [Entry] = []
    /// Those that the configuration has no more, the latest last.
    private var dormant: [Entry] = []

    private struct Entry: Sendable {
        var rollout: Rollout
        /// What had been counted of it when it was last looked at.
        var counted: RolloutCounts
        /// How often each phase began, in the order of the cases.
        var begun = [UInt64](repeating: 0, count: RolloutState.Phase.allCases.count)

        /// Counts that a phase begins.
        mutating func note(_ phase: RolloutState.Phase) {
            for (number, other) in RolloutState.Phase.allCases.enumerated() where other == phase {
                begun[number] &+= 1
            }
        }
    }

    /// No rollouts.
    package init() {}

    /// What was kept of a rollout by a former process.
    package enum Kept: Sendable {
        /// Nothing.
        case nothing
        /// Where it stood.
        case state(RolloutState)
        /// Something, and why it cannot be read.
        case unreadable(String)
    }

    /// Every rollout, in the order of the configuration.
    package var rollouts: [Rollout] { entries.map(\.rollout) }

    /// What every canary gets at present.
    package var shares: [RolloutShare] { entries.map(\.rollout.share) }

    /// Whether any may change by itself.
    package var isLive: Bool { entries.contains { $0.rollout.state.phase.isLive } }

    /// The rollout `name`, or nil.
    package func rollout(_ name: String) -> Rollout? {
        entries.first { $0.rollout.plan.name == name }?.rollout
    }

    /// How often rollout `name` went over to each phase since the book was made.
    package func begun(_ name: String) -> [(phase: RolloutState.Phase, count: UInt64)] {
        guard let entry = entries.first(where: { $0.rollout.plan.name == name }) else { return [] }
        return zip(RolloutState.Phase.allCases, entry.begun).map { (phase: $0, count: $1) }
    }

    /// Takes the rollouts of another configuration, and answers with what is to be told of those
    /// that are new or changed.
    ///
    /// **Shape** `totals` are the counts up to now, of which nothing counts for a rollout that
    /// begins; `kept` is asked for those that the book knows nothing of.
    package mutating func adopt(
        _ plans: [RolloutPlan], totals: RolloutTotals, wall: WallTime,
        kept: (RolloutPlan) -> Kept
    ) -> [RolloutChange] {
        var changes: [RolloutChange] = []
        var former = entries + dormant
        entries = []
        for plan in plans {
            let place = former.firstIndex { $0.rollout.plan.name == plan.name }
            let known = place.map { former.remove(at: $0) }
            if var known, known.rollout.plan.fingerprint == plan.fingerprint {
                let wasDormant = dormant.contains { $0.rollout.plan.name == plan.name }
                if wasDormant {
                    // Nothing was tried while it was away, so neither that time nor what was
                    // counted in it is evidence.
                    known.rollout.last = nil
                    known.counted = totals[plan.name]
                }
                entries.append(known)
                if wasDormant { changes.append(known.rollout.story(after: nil)) }
                continue
            }
            var entry = Entry(
                rollout: known == nil
                    ? Self.rollout(plan, kept(plan), wall)
                    : Rollout(plan, because: Self.changed, wall: wall),
                counted: totals[plan.name])
            if let known { entry.begun = known.begun }
            // One that goes on where it stood begins nothing.
            if entry.rollout.state.history.count == 1 { entry.note(entry.rollout.state.phase) }
            changes.append(entry.rollout.story(after: known?.rollout.state.phase))
            entries.append(entry)
        }
        dormant = Array(former.suffix(Limits.dormant))
        return changes
    }

    private static let changed = "its resource was changed, and it begins anew"

    private static func rollout(_ plan: RolloutPlan, _ kept: Kept, _ wall: WallTime) -> Rollout {
        switch kept {
        case .nothing: return Rollout(plan, wall: wall)
        case .unreadable(let reason): return Rollout(plan, unreadable: reason, wall: wall)
        case .state(let state):
            if state.name == plan.name, state.fingerprint != plan.fingerprint {
                return Rollout(plan, because: changed, wall: wall)
            }
            if let fault = state.fault(for: plan) {
                return Rollout(
                    plan, unreadable: "what was kept of it cannot be used: \(fault)", wall: wall)
            }
            return Rollout(plan, resuming: state)
        }
    }

    /// Lets every rollout take in what was counted since the last call, and answers with what
    /// changed.
    package mutating func advance(
        _ totals: RolloutTotals, wall: WallTime, at now: Instant
    ) -> [RolloutChange] {
        var changes: [RolloutChange] = []
        for place in entries.indices {
            let name = entries[place].rollout.plan.name
            let total = totals[name]
            let seen = total.since(entries[place].counted)
            entries[place].counted = total
            if let change = entries[place].rollout.advance(seen, wall: wall, at: now) {
                entries[place].note(change.phase)
                changes.append(change)
            }
        }
        return changes
    }

    /// Does what a person wants of rollout `name`.
    ///
    /// **Errors** there is none of that name, or it means nothing where the rollout stands; nothing
    /// changes then.
    package mutating func obey(
        _ command: RolloutCommand, _ name: String, wall: WallTime
    ) throws(RolloutRefusal) -> RolloutChange {
        guard let place = entries.firstIndex(where: { $0.rollout.plan.name == name }) else {
            let names = entries.map(\.rollout.plan.name).joined(separator: ", ")
            throw RolloutRefusal(
                message: "there is no rollout \(name)",
                remedy: names.isEmpty
                    ? "write a Rollout into the configuration" : "name one of: \(names)")
        }
        let change = try entries[place].rollout.obey(command, wall: wall)
        entries[place].note(change.phase)
        return change
    }
}

extension Rollout {
    /// Where it stands, as a change from `former`.
    fileprivate func story(after former: RolloutState.Phase?) -> RolloutChange {
        RolloutChange(
            name: plan.name, former: former, phase: state.phase, step: stepInWords, share: share,
            reason: state.reason)
    }
}

/// What every arm did since the process began, as the loops tell it.
package struct RolloutTotals: Sendable {
    private var counts: [ArmLabels: ArmCounts] = [:]

    /// Nothing.
    package init() {}

    /// Adds what one loop counted.
    package mutating func add(_ arms: [(labels: ArmLabels, counts: ArmCounts)]) {
        for arm in arms { counts[arm.labels, default: ArmCounts()].add(arm.counts) }
    }

    /// What was counted for rollout `name`.
    package subscript(name: String) -> RolloutCounts {
        var all = RolloutCounts()
        for arm in Arm.allCases {
            if let known = counts[ArmLabels(rollout: name, arm: arm)] { all[arm] = known }
        }
        return all
    }
}
