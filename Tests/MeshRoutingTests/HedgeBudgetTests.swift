// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import MeshRouting

@Suite("What second attempts may cost")
struct HedgeBudgetTests {
    /// Requests with so many tokens, each of which would be sent twice; how many are.
    private func hedges(
        _ tokens: [Int], percent: Int, of budget: inout HedgeBudget
    ) -> Int {
        var hedges = 0
        for count in tokens {
            budget.earn(percent: percent, tokens: count, tokensMax: 1_000)
            if budget.spend(tokens: count) { hedges += 1 }
        }
        return hedges
    }

    @Test("the share of requests is kept", arguments: [0, 1, 5, 50, 100])
    func share(percent: Int) {
        var budget = HedgeBudget()
        let requests = Array(repeating: 10, count: 1_000)
        let made = hedges(requests, percent: percent, of: &budget)
        #expect(made == percent * 10)
    }

    @Test("a long prompt waits until short ones have earned its tokens")
    func tokens() {
        var budget = HedgeBudget()
        for _ in 0..<40 { budget.earn(percent: 5, tokens: 10, tokensMax: 1_000) }
        // Two attempts and twenty tokens were earned.
        let spent = [500, 10, 10, 0].map { budget.spend(tokens: $0) }
        #expect(spent == [false, true, true, false])
    }

    @Test("not more than a few are saved")
    func saved() {
        var budget = HedgeBudget()
        for _ in 0..<100_000 { budget.earn(percent: 100, tokens: 1, tokensMax: 1_000) }
        var spent = 0
        while budget.spend(tokens: 1) { spent += 1 }
        #expect(spent == Limits.savedHedges)
    }
}
