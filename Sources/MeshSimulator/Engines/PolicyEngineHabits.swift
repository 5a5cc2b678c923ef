// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// How the policy engines of a world behave.
package struct PolicyEngineHabits: Sendable, Hashable {
    /// How long an answer takes at least.
    package var delay = Nanoseconds.milliseconds(1)
    /// How much longer it may take.
    package var jitter = Nanoseconds.milliseconds(1)
    /// Whether nobody is there.
    package var isDown = false
    /// Whether questions are taken and never answered.
    package var isMute = false
    /// How many questions of a thousand are answered with a failure.
    package var failPermille = 0
    /// The sessions that it lets do nothing.
    package var deniedSessions: [UInt64] = []

    /// Engines that answer quickly and let everything pass.
    package init() {}
}
