// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// One request that a workload makes: when it comes, for which model, and how much work it is.
///
/// The words of a prompt are not kept. What a model server needs of them to tell the time is how
/// many tokens there are and which blocks they share with others.
package struct WorkItem: Sendable, Hashable {
    /// When the request leaves its caller.
    package var at: Instant
    /// The conversation or user that it belongs to; requests of one session carry the same
    /// `x-session-id`.
    package var session: UInt64
    /// What the request asks for in `model`.
    package var model: String
    /// Tokens of the prompt, at least 1.
    package var promptTokens: Int
    /// Names of the prompt's full blocks, each covering all before it: equal names mean equal
    /// prefixes.
    package var prefix: [UInt64]
    /// Tokens that a name of `prefix` stands for: 16 in generated workloads, 512 in Mooncake's
    /// traces.
    package var prefixBlockTokens: Int
    /// Tokens of the whole answer.
    package var answerTokens: Int
    /// Whether the answer is asked for as a stream of events.
    package var stream: Bool
    /// The data label that the caller names in `x-data-label`, or nil.
    package var dataLabel: String?

    /// A request of the given parts.
    package init(
        at: Instant, session: UInt64 = 0, model: String, promptTokens: Int,
        prefix: [UInt64] = [], prefixBlockTokens: Int = 16, answerTokens: Int, stream: Bool = true
    ) {
        self.at = at
        self.session = session
        self.model = model
        self.promptTokens = max(1, promptTokens)
        self.prefix = prefix
        self.prefixBlockTokens = max(1, prefixBlockTokens)
        self.answerTokens = max(1, answerTokens)
        self.stream = stream
    }

    /// The names of the prompt's full blocks of `blockTokens` tokens, as an engine wants them.
    ///
    /// A name that stands for a larger block is split into as many as fit; `blockTokens` must
    /// divide `prefixBlockTokens`.
    package func blockHashes(blockTokens: Int) -> [UInt64] {
        guard prefixBlockTokens > blockTokens, blockTokens > 0 else { return prefix }
        let parts = prefixBlockTokens / blockTokens
        var hashes: [UInt64] = []
        hashes.reserveCapacity(prefix.count * parts)
        for name in prefix {
            for part in 0..<UInt64(parts) {
                hashes.append(StableHash.mix(name &+ part &* 0x9E37_79B9_7F4A_7C15))
            }
        }
        let whole = promptTokens / blockTokens
        return hashes.count > whole ? Array(hashes.prefix(whole)) : hashes
    }
}
