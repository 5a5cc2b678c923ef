// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshTelemetry

/// What the caller of one request saw, and where the request went.
package struct RequestObservation: Sendable {
    /// How a request ended for its caller.
    package enum Ending: UInt8, Sendable, Hashable, CaseIterable {
        /// The answer of a model server came whole, whatever its status.
        case whole
        /// The mesh itself answered, with a refusal.
        case refused
        /// An answer began and did not come to its end.
        case truncated
        /// The connection ended before an answer began.
        case unanswered
        /// No connection could be made.
        case notConnected
        /// The caller left, or never meant to hear the end.
        case left
    }

    /// Its number in the world, in order of beginning.
    package var number: Int
    /// What was asked for.
    package var item: WorkItem
    /// When the caller set out.
    package var startedAt: Instant
    /// From then until the first byte of the answer.
    package var firstByte: Nanoseconds?
    /// From then until the first token.
    package var firstToken: Nanoseconds?
    /// From then until the end, whatever it was.
    package var total: Nanoseconds = .zero
    /// From the first token to the last.
    package var generation: Nanoseconds = .zero
    /// The longest pause between two tokens.
    package var gapMax: Nanoseconds = .zero
    /// Tokens that came.
    package var tokens = 0
    /// Prompt tokens that the server's cache held, where an answer came whole.
    package var cachedTokens: Int?
    /// The status of the answer; 0 when none began.
    package var status = 0
    /// How it ended.
    package var ending = Ending.unanswered
    /// The server whose answer it is, by its place in the world's plan; -1 for none.
    package var server = -1
    /// Answers that servers began for it; more than one after retries.
    package var attempts = 0
    /// The stable code when the mesh refused or failed, from the mesh's own record.
    package var code: String?
    /// What its tokens cost, from the same record; nil where nobody said.
    package var cost: Cost?

    init(number: Int, item: WorkItem, at now: Instant) {
        self.number = number
        self.item = item
        startedAt = now
    }

    /// Mean time from one token to the next, nil with fewer than two.
    package var perToken: Nanoseconds? {
        tokens < 2 ? nil : Nanoseconds(generation.rawValue / Int64(tokens - 1))
    }
}
