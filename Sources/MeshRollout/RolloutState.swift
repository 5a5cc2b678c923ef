// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// Where a rollout stands: all that has to outlive the process.
package struct RolloutState: Hashable, Sendable, Codable {
    /// `namespace/name` of the Rollout.
    package let name: String
    /// The hash of what was written when it began.
    package let fingerprint: UInt64
    /// What is going on.
    package internal(set) var phase: Phase = .progressing
    /// Why it is paused; nil when it is not.
    package internal(set) var pause: Pause?
    /// The present step, from 0; the last one that was reached, when it is over.
    package internal(set) var step = 0
    /// How long the step has lasted, pauses and the time between two processes left out.
    package internal(set) var held = Nanoseconds.zero
    /// How long it has lasted past the time when it could have ended.
    package internal(set) var overdue = Nanoseconds.zero
    /// Why it stands where it stands, in words.
    package internal(set) var reason: String
    /// Since when, in nanoseconds of the calendar.
    package internal(set) var since: Int64
    /// What it went through, the oldest first.
    package internal(set) var history: [Passage] = []
    /// What is known of the whole step.
    var whole = Evidence()
    /// What is known of the present window of it.
    var recent = Evidence()
    /// How long that window has lasted.
    var recentAge = Nanoseconds.zero
    /// Windows of the step, the present one included.
    var windows = 1

    /// What is going on.
    package enum Phase: String, Sendable, Codable, CaseIterable {
        /// Steps are taken. Can become: any other.
        case progressing = "Progressing"
        /// The share stays as it is. Can become: any other.
        case paused = "Paused"
        /// The canary has everything. Can become: aborted, progressing.
        case promoted = "Promoted"
        /// The canary failed, and the stable target has everything. Can become: progressing.
        case rolledBack = "RolledBack"
        /// A person ended it, and the stable target has everything. Can become: progressing.
        case aborted = "Aborted"
        /// What was kept of it cannot be read, and the stable target has everything. Can become:
        /// progressing.
        case unknown = "Unknown"

        /// Whether the canary may get more or less by itself.
        package var isLive: Bool { self == .progressing || self == .paused }
    }

    /// Why a rollout is paused.
    package enum Pause: String, Sendable, Codable, CaseIterable {
        /// A person wanted it.
        case person
        /// The step says that a person goes on.
        case step
        /// A check failed.
        case failure
        /// No answer came in time.
        case inconclusive
    }

    /// One change that it went through.
    package struct Passage: Hashable, Sendable, Codable {
        /// When, in nanoseconds of the calendar.
        package let at: Int64
        /// What began.
        package let phase: Phase
        /// At which step, from 0.
        package let step: Int
        /// Why.
        package let reason: String
    }

    /// The beginning of a rollout by `plan`, for `reason`.
    init(_ plan: RolloutPlan, _ reason: String, wall: WallTime) {
        self.reason = reason
        name = plan.name
        fingerprint = plan.fingerprint
        since = wall.nanoseconds
    }

    /// What is wrong with a state that was read from a file, or nil when a rollout by `plan` can
    /// go on from it.
    package func fault(for plan: RolloutPlan) -> String? {
        if name != plan.name { return "it is the state of Rollout \(name)" }
        if !plan.steps.indices.contains(step) {
            return "it stands at step \(step + 1), and there are \(plan.steps.count)"
        }
        if (phase == .paused) != (pause != nil) { return "it is paused for no reason" }
        let lengths = [held, overdue, recentAge]
        if lengths.contains(where: { $0 < .zero || $0 > Limits.length }) {
            return "a length of time makes no sense"
        }
        if !(1...Limits.windows).contains(windows) || !whole.isSound || !recent.isSound {
            return "its looks make no sense"
        }
        if !whole.counts.isSound || !recent.counts.isSound { return "its counts make no sense" }
        return nil
    }
}

/// What a person wants of a rollout.
package enum RolloutCommand: String, Sendable, CaseIterable {
    /// The next step begins now.
    case promote
    /// The canary gets everything now.
    case promoteFull = "promote-full"
    /// The share stays as it is.
    case pause
    /// It goes on.
    case resume
    /// The stable target gets everything now.
    case abort
    /// It begins anew.
    case restart
}

/// A change of a rollout, to be told and to be acted upon.
package struct RolloutChange: Hashable, Sendable {
    /// `namespace/name` of the Rollout.
    package let name: String
    /// What went on before; nil when nothing was known of it.
    package let former: RolloutState.Phase?
    /// What goes on now.
    package let phase: RolloutState.Phase
    /// The step, in words: `step 2 of 4`.
    package let step: String
    /// What the canary gets from now on.
    package let share: RolloutShare
    /// Why.
    package let reason: String

    /// The change as a line of a log.
    package var line: String {
        let share =
            share.mirror > 0
            ? "the canary gets copies of \(share.mirror) %"
            : "the canary gets \(share.weight) %"
        let place = phase.isLive ? ", \(step)" : ""
        return "rollout \(name): \(phase.rawValue)\(place), \(share): \(reason)"
    }
}

/// Why a rollout does not do what a person wants.
package struct RolloutRefusal: Error, Hashable, Sendable {
    /// What stands against it.
    package let message: String
    /// What to do.
    package let remedy: String

    /// A refusal of the given parts.
    package init(message: String, remedy: String) {
        self.message = message
        self.remedy = remedy
    }
}
