// SPDX-License-Identifier: Apache-2.0

import MeshBasics
@testable import MeshRouting
import Testing

@Suite("a retry budget")
struct RetryBudgetTests {
    @Test("allows a share of the last ten seconds' requests, plus a floor")
    func share() {
        let budget = BudgetSample()
        let now = instant(0)
        for _ in 0..<1000 { budget.countRequest(at: now) }
        var allowed = 0
        while budget.allow(percent: 20, minPerSecond: 3, at: now) { allowed += 1 }
        #expect(allowed == 200 + 30)
        #expect(!budget.allow(percent: 20, minPerSecond: 3, at: now + .milliseconds(8_900)))
    }

    @Test("forgets what is more than ten seconds back")
    func window() {
        let budget = BudgetSample()
        for second in 0..<30 {
            let now = instant(second * 1000)
            for _ in 0..<100 { budget.countRequest(at: now) }
        }
        let end = instant(29_000)
        var allowed = 0
        while budget.allow(percent: 10, minPerSecond: 0, at: end) { allowed += 1 }
        #expect(allowed == 100)
        // Ten seconds on, both the requests and the retries are forgotten.
        #expect(!budget.allow(percent: 10, minPerSecond: 0, at: instant(39_000)))
        #expect(budget.allow(percent: 0, minPerSecond: 1, at: instant(39_000)))
    }

    @Test("holds against an account that keeps everything", arguments: 0..<20)
    func account(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let budget = BudgetSample()
        var requests: [Int] = []
        var retries: [Int] = []
        var clock = 0
        for _ in 0..<2000 {
            clock += random.below(4) == 0 ? random.below(3000) : random.below(30)
            let second = clock / 1000
            if random.below(3) > 0 {
                budget.countRequest(at: instant(clock))
                requests.append(second)
            } else {
                let recent = requests.filter { $0 > second - 10 }.count
                let before = retries.filter { $0 > second - 10 }.count
                let wanted = before < recent * 15 / 100 + 10
                let allowed = budget.allow(percent: 15, minPerSecond: 1, at: instant(clock))
                #expect(allowed == wanted, "seed \(seed) at \(clock)")
                if allowed { retries.append(second) }
            }
        }
    }

    @Test("survives absurd figures")
    func absurd() {
        let budget = BudgetSample()
        budget.countRequest(at: instant(0))
        #expect(!budget.allow(percent: .max, minPerSecond: .max, at: instant(0)))
        #expect(!budget.allow(percent: -5, minPerSecond: 0, at: instant(0)))
        // A clock that goes back.
        budget.countRequest(at: Instant(nanoseconds: 0))
        #expect(budget.allow(percent: 100, minPerSecond: 0, at: Instant(nanoseconds: 0)))
    }
}

/// A class, because expectations take no mutating calls.
private final class BudgetSample {
    var budget = RetryBudget()

    func countRequest(at now: Instant) { budget.countRequest(at: now) }

    func allow(percent: Int, minPerSecond: Int, at now: Instant) -> Bool {
        budget.allow(percent: percent, minPerSecond: minPerSecond, at: now)
    }
}
