// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot
package import MeshTelemetry

/// One rollout: how much a canary gets, decided from counts and time alone.
///
/// ```
///            ┌── all checks good, hold over, requests enough ──┐
///            v                                                 │
///   Progressing (step 1) ──> Progressing (step 2) ──> … ──> Promoted
///       │  ^        │
///       │  │resume  │ a check is bad        ──> RolledBack, or Paused
///       v  │        │ no answer in time     ──> Paused, or RolledBack
///      Paused ──────┘ a person aborts       ──> Aborted
///
///   what was kept cannot be read ──> Unknown
/// ```
///
/// Whoever drives it calls `advance` every second or so with what was counted since the last call,
/// and `obey` with what people want, gives the canary its `share`, and keeps `state`. A step is
/// judged by what happened in it, and by its present window alone, so that a canary that goes bad
/// late is not excused by how well it began. What was counted in former steps counts no more.
///
/// Invariant: this room never looks at a clock, a file or a socket.
package struct Rollout: Sendable {
    /// What was written.
    package let plan: RolloutPlan
    /// Where it stands.
    package internal(set) var state: RolloutState
    /// What every check of the present step says, as of the last call of `advance`.
    package internal(set) var findings: [Finding] = []
    /// What the present step waits for, or nil.
    package internal(set) var obstacle: String?
    /// When `advance` was called last.
    var last: Instant?

    /// The beginning of a rollout by `plan` for `reason`, at `wall` on the calendar.
    package init(_ plan: RolloutPlan, because reason: String = "it has begun", wall: WallTime) {
        self.plan = plan
        state = RolloutState(plan, reason, wall: wall)
        log(wall)
    }

    /// A rollout by `plan` of which it is not known how far it was, for `reason`: the canary gets
    /// nothing until a person begins it anew.
    package init(_ plan: RolloutPlan, unreadable reason: String, wall: WallTime) {
        self.plan = plan
        state = RolloutState(plan, reason, wall: wall)
        state.phase = .unknown
        log(wall)
    }

    /// A rollout by `plan` that goes on from `state`, which `fault(for:)` found nothing wrong with.
    package init(_ plan: RolloutPlan, resuming state: RolloutState) {
        self.plan = plan
        self.state = state
    }

    /// What the canary gets at present.
    package var share: RolloutShare {
        switch state.phase {
        case .progressing, .paused:
            RolloutShare(name: plan.name, weight: step.weight, mirror: step.mirror)
        case .promoted: RolloutShare(name: plan.name, weight: 100)
        case .rolledBack, .aborted, .unknown: RolloutShare(name: plan.name, weight: 0)
        }
    }

    /// The present step.
    package var step: RolloutPlan.Step { plan.steps[state.step] }

    /// The present step in words: `step 2 of 4`.
    package var stepInWords: String { "step \(state.step + 1) of \(plan.steps.count)" }

    /// Which arm of the present step is judged.
    package var arm: Arm { step.mirror > 0 ? .mirror : .canary }

    /// What was counted in the present step.
    package var counts: RolloutCounts { state.whole.counts }

    /// Takes in what was counted since the last call, and answers with what changes, if anything
    /// does. At most one thing changes in one call.
    ///
    /// **Complexity** O(√n) in the requests of a step, when a look is due; else O(1).
    package mutating func advance(
        _ seen: RolloutCounts, wall: WallTime, at now: Instant
    ) -> RolloutChange? {
        let elapsed = max(.zero, now - (last ?? now))
        last = now
        guard state.phase.isLive else {
            (findings, obstacle) = ([], nil)
            return nil
        }
        state.whole.counts.add(seen)
        state.recent.counts.add(seen)
        state.recentAge = state.recentAge + elapsed
        if let change = judge(wall) { return change }
        if state.recentAge >= plan.window {
            state.recent = Evidence()
            state.recentAge = .zero
            state.windows += 1
        }
        guard state.phase == .progressing else { return nil }
        state.held = state.held + elapsed
        guard state.held >= step.hold else { return nil }
        if let obstacle {
            state.overdue = state.overdue + elapsed
            guard state.overdue >= plan.inconclusiveAfter else { return nil }
            let words =
                "no answer within \(Words.length(plan.inconclusiveAfter)) after the step could "
                + "have ended: \(obstacle)"
            return end(by: plan.onInconclusive, .inconclusive, words, wall)
        }
        return finishStep(wall)
    }

    /// Asks every check, and answers with what follows from one that is bad.
    private mutating func judge(_ wall: WallTime) -> RolloutChange? {
        let doubt = Double(plan.doubt) / 2e6
        let whole = Judge(plan: plan, arm: arm, doubt: doubt)
        let recent = Judge(
            plan: plan, arm: arm, doubt: Looks.share(doubt, of: state.windows))
        findings = whole.findings(&state.whole)
        let present = recent.findings(&state.recent)
        obstacle = Self.obstacle(findings, present)
        let asked = counts[arm].requests
        if obstacle == nil, asked < UInt64(step.requestsMin) {
            obstacle = "\(asked) of \(step.requestsMin) requests"
        }
        // What was found wrong before is not found anew: a person has been told.
        guard state.pause != .failure else { return nil }
        let bad = (findings + present).compactMap { finding in
            if case .bad(let words) = finding.verdict { words } else { nil as String? }
        }
        guard let words = bad.first else { return nil }
        return end(by: plan.onFailure, .failure, words, wall)
    }

    /// What stands against ending a step, or nil. The present window has little to say when it
    /// has just begun, which is no obstacle.
    private static func obstacle(_ whole: [Finding], _ recent: [Finding]) -> String? {
        for finding in whole {
            switch finding.verdict {
            case .good: continue
            case .waiting(let words), .unsure(let words), .bad(let words): return words
            }
        }
        for finding in recent {
            switch finding.verdict {
            case .good, .waiting: continue
            case .unsure(let words), .bad(let words): return "lately, \(words)"
            }
        }
        return nil
    }

    /// The step has all that it asked for.
    private mutating func finishStep(_ wall: WallTime) -> RolloutChange {
        let requests = counts[arm].requests
        let shown = findings.compactMap { finding in
            finding.canary.map { canary in
                "\(finding.measure) \(canary)"
                    + (finding.stable.map { " (stable \($0))" } ?? "")
            }
        }
        let words =
            "\(stepInWords) held \(Words.length(state.held)) with \(requests) requests"
            + (shown.isEmpty ? "" : ": " + shown.joined(separator: ", "))
        if step.isManual {
            return pause(.step, "\(words); a person goes on with `pinion rollout promote`", wall)
        }
        return goOn(words, wall)
    }
}
