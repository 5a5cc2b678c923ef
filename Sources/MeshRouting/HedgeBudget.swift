// SPDX-License-Identifier: Apache-2.0

/// What second attempts a backend may still receive: a share of its requests, by their number and
/// by the tokens of their prompts.
///
/// Each request earns that share of an attempt and of its own tokens, and a second attempt spends
/// a whole one. What is not spent is kept, so that models that are seldom used are raced too, but
/// for no more than a few attempts: a backend that turns slow must not be asked for everything
/// twice.
struct HedgeBudget: Sendable {
    /// Hundredths of attempts that were earned and not spent.
    private var attempts = 0
    /// Hundredths of tokens that were.
    private var tokens = 0

    /// A request with so many tokens earns `percent` of itself; no request may have more than
    /// `tokensMax`.
    mutating func earn(percent: Int, tokens count: Int, tokensMax: Int) {
        attempts = min(attempts + percent, 100 * Limits.savedHedges)
        tokens = min(tokens + percent * count, 100 * Limits.savedHedges * tokensMax)
    }

    /// Whether a second attempt with so many tokens is earned; spends it when it is.
    mutating func spend(tokens count: Int) -> Bool {
        guard attempts >= 100, tokens >= 100 * count else { return false }
        attempts -= 100
        tokens -= 100 * count
        return true
    }
}
