// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import Testing

@Suite("a pause before a retry")
struct BackoffTests {
    static let policy = RetryPolicy(
        backoffBase: .milliseconds(100), backoffMax: .milliseconds(500))

    @Test(
        "is drawn below a limit that doubles up to the longest",
        arguments: [(1, 100), (2, 200), (3, 400), (4, 500), (64, 500), (.max, 500), (0, 100)])
    func limits(attempt: Int, limit: Int64) throws {
        var random = SplitMix64(seed: 3)
        var (least, most, sum) = (Int64.max, Int64(0), 0.0)
        for _ in 0..<4000 {
            let delay = try #require(
                Backoff.delay(
                    attempt: attempt, policy: Self.policy, retryAfter: nil, using: &random))
            least = min(least, delay.rawValue)
            most = max(most, delay.rawValue)
            sum += delay.seconds
        }
        #expect(least >= 0 && least < limit * 20_000)
        #expect(most <= limit * 1_000_000 && most > limit * 980_000)
        #expect(abs(sum / 4000 - Double(limit) / 2000) < Double(limit) / 40_000)
    }

    @Test("is at least what the endpoint asks for, and none when that is too long")
    func retryAfter() throws {
        var random = SplitMix64(seed: 4)
        func delay(_ milliseconds: Int64) -> Nanoseconds? {
            Backoff.delay(
                attempt: 1, policy: Self.policy, retryAfter: .milliseconds(milliseconds),
                using: &random)
        }
        for _ in 0..<100 {
            #expect(delay(300) == .milliseconds(300))
            #expect(delay(500) == .milliseconds(500))
            #expect(delay(501) == nil)
            #expect(try #require(delay(0)) <= .milliseconds(100))
            #expect(try #require(delay(-7)) >= .zero)
        }
    }

    @Test("is none under a policy without pauses")
    func none() {
        var random = SplitMix64(seed: 5)
        let policy = RetryPolicy(backoffBase: .zero, backoffMax: .zero)
        #expect(
            Backoff.delay(attempt: 9, policy: policy, retryAfter: nil, using: &random) == .zero)
    }
}
