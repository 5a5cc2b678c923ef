// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// One model server of a world: where it is, what it runs on and how it misbehaves.
package struct ServerPlan: Sendable, Hashable {
    /// `address:port`, as in the configuration.
    package var authority: String
    /// What its machine costs.
    package var profile: EngineProfile
    /// What goes wrong inside its engine.
    package var faults: EngineFaults
    /// What goes wrong in front of its engine.
    package var habits: ServerHabits

    /// A server at `authority`.
    package init(
        _ authority: String, profile: EngineProfile, faults: EngineFaults = .none,
        habits: ServerHabits = ServerHabits()
    ) {
        self.authority = authority
        self.profile = profile
        self.faults = faults
        self.habits = habits
    }
}

/// How a server's HTTP side misbehaves. Chances are in thousandths of answers.
package struct ServerHabits: Sendable, Hashable {
    /// How the body of a streamed answer ends.
    package enum Framing: Sendable, Hashable {
        /// In chunks.
        case chunked
        /// With the connection.
        case untilClose
    }

    /// How streamed answers are framed.
    package var framing = Framing.chunked
    /// Answers with one of `statuses` instead of a model's.
    package var statusPermille = 0
    /// The statuses of such answers.
    package var statuses = [503]
    /// Seconds that such an answer asks to wait, or nil.
    package var retryAfter: Int?
    /// Answers that are not HTTP.
    package var malformedPermille = 0
    /// Connections closed in the place of an answer.
    package var vanishPermille = 0
    /// Answers that end in order in the middle of an event.
    package var cutPermille = 0
    /// Answers that end by a reset in the middle.
    package var resetPermille = 0
    /// Streams without `[DONE]`.
    package var doneMissingPermille = 0
    /// Streams that stop and never go on.
    package var stallPermille = 0
    /// Answers that begin `slowBy` late.
    package var slowPermille = 0
    /// How late a slow answer begins.
    package var slowBy = Nanoseconds.milliseconds(500)
    /// How long a connection may wait for its next request; nil for ever.
    package var idleTimeout: Nanoseconds?
    /// Whether health checks are answered with 200 while the server runs.
    package var passesHealthChecks = true
    /// Whether connections are accepted.
    package var accepts = true
    /// Whether requests are read but never answered.
    package var isMute = false

    /// A server that behaves.
    package init() {}
}
