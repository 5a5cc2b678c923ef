// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshSnapshot

extension Rollout {
    /// Does what a person wants.
    ///
    /// **Errors** when that means nothing where the rollout stands; nothing changes then.
    package mutating func obey(
        _ command: RolloutCommand, wall: WallTime
    ) throws(RolloutRefusal) -> RolloutChange {
        switch (command, state.phase) {
        case (.promote, .progressing), (.promote, .paused):
            return goOn("a person promoted it past \(stepInWords)", wall)
        case (.promoteFull, .progressing), (.promoteFull, .paused):
            return enter(.promoted, "a person promoted it past all steps", wall)
        case (.pause, .progressing): return pause(.person, "a person paused it", wall)
        case (.resume, .paused):
            // A person has seen what was wrong; the same again would end it at once.
            if state.pause == .failure || state.pause == .inconclusive { beginStep(state.step) }
            if state.pause == .step { return goOn("a person resumed it", wall) }
            return enter(.progressing, "a person resumed it", wall)
        case (.abort, .progressing), (.abort, .paused), (.abort, .promoted):
            return enter(.aborted, "a person aborted it", wall)
        case (.restart, _):
            state.step = 0
            beginStep(0)
            return enter(.progressing, "a person began it anew", wall)
        case (.pause, .paused):
            throw refusal("it is paused already", "resume or abort it")
        case (.resume, .progressing):
            throw refusal("it is not paused", "nothing needs to be done")
        case (.promote, .promoted), (.promoteFull, .promoted), (.pause, .promoted),
            (.resume, .promoted):
            throw refusal("it is promoted", "write the canary as the only target, or abort it")
        case (_, .rolledBack), (_, .aborted), (_, .unknown):
            throw refusal(
                "it is over: \(state.reason)",
                "change the Rollout, or begin anew with `pinion rollout restart`")
        }
    }

    private func refusal(_ message: String, _ remedy: String) -> RolloutRefusal {
        RolloutRefusal(message: "rollout \(plan.name): \(message)", remedy: remedy)
    }

    /// Goes over to the next step, or to the end.
    mutating func goOn(_ reason: String, _ wall: WallTime) -> RolloutChange {
        guard state.step + 1 < plan.steps.count else {
            return enter(.promoted, reason, wall)
        }
        beginStep(state.step + 1)
        return enter(.progressing, reason, wall)
    }

    /// Reacts to a check that failed, or to none that came to an end.
    mutating func end(
        by reaction: RolloutPlan.Reaction, _ cause: RolloutState.Pause, _ reason: String,
        _ wall: WallTime
    ) -> RolloutChange? {
        switch reaction {
        case .rollback: return enter(.rolledBack, reason, wall)
        case .pause:
            // Paused as it is, a person has been told already.
            return state.pause == cause ? nil : pause(cause, reason, wall)
        }
    }

    /// Leaves the share as it is.
    mutating func pause(
        _ cause: RolloutState.Pause, _ reason: String, _ wall: WallTime
    ) -> RolloutChange {
        let change = enter(.paused, reason, wall)
        state.pause = cause
        return change
    }

    /// Begins to measure step `number` from nothing. A canary that gets everything leaves the
    /// stable target without requests, so that it is held against what that did before.
    private mutating func beginStep(_ number: Int) {
        let former = state.whole.counts.stable
        state.step = number
        state.held = .zero
        state.overdue = .zero
        state.whole = Evidence()
        state.recent = Evidence()
        state.recentAge = .zero
        state.windows = 1
        if plan.steps[number].weight == 100 {
            state.whole.counts.stable = former
        }
        (findings, obstacle) = ([], nil)
    }

    private mutating func enter(
        _ phase: RolloutState.Phase, _ reason: String, _ wall: WallTime
    ) -> RolloutChange {
        let former = state.phase
        state.phase = phase
        state.pause = nil
        state.reason = reason
        state.since = wall.nanoseconds
        log(wall)
        return RolloutChange(
            name: plan.name, former: former, phase: phase, step: stepInWords, share: share,
            reason: reason)
    }

    /// Writes the present state down in the history.
    mutating func log(_ wall: WallTime) {
        state.history.append(
            RolloutState.Passage(
                at: wall.nanoseconds, phase: state.phase, step: state.step,
                reason: state.reason))
        let extra = state.history.count - Limits.history
        if extra > 0 { state.history.removeFirst(extra) }
    }
}
