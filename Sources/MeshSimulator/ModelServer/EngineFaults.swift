// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What goes wrong inside an engine, on purpose.
package struct EngineFaults: Hashable, Sendable {
    /// The engine dies when it has generated this many tokens since the faults were set.
    package var crashAfterTokens: Int?
    /// Each answer stops after this many tokens and never ends; its memory stays taken.
    package var stallAfterTokens: Int?
    /// Each answer is reset after this many tokens.
    package var resetAfterTokens: Int?
    /// Every nth job since the faults were set is refused with `failStatus`.
    package var failEvery: Int?
    /// The HTTP status of a refusal by `failEvery`.
    package var failStatus = 503
    /// Added before the scheduler sees a job.
    package var firstTokenDelay = Nanoseconds.zero
    /// A job fails when its prompt and answer so far exceed this many tokens.
    package var outOfMemoryAboveTokens: Int?

    /// Nothing goes wrong.
    package init() {}

    /// Whether no fault can strike at a single token of an answer.
    var allowsPlainTokens: Bool {
        stallAfterTokens == nil && resetAfterTokens == nil && outOfMemoryAboveTokens == nil
    }

    /// Nothing goes wrong.
    package static var none: EngineFaults { EngineFaults() }
}
