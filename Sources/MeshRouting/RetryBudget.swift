// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// How many retries a backend may still receive: a share of its requests over the last ten
/// seconds, plus a floor for quiet times. Keeps retries from turning a slow backend into a dead
/// one.
struct RetryBudget: Sendable {
    /// One count for each of the last seconds, the second `n` at place `n % 10`.
    private var requests = InlineArray<10, Int32>(repeating: 0)
    private var retries = InlineArray<10, Int32>(repeating: 0)
    private var requestSum = 0
    private var retrySum = 0
    /// The newest second that was looked at.
    private var second: UInt64 = 0

    /// Counts one first attempt.
    mutating func countRequest(at now: Instant) {
        advance(to: now)
        let place = Int(second % UInt64(Limits.budgetSeconds))
        guard requests[place] < .max else { return }
        requests[place] += 1
        requestSum += 1
    }

    /// Whether one more retry is within `percent` of the requests and `minPerSecond`; counts it
    /// when it is.
    mutating func allow(percent: Int, minPerSecond: Int, at now: Instant) -> Bool {
        advance(to: now)
        let floor = minPerSecond.multipliedReportingOverflow(by: Limits.budgetSeconds)
        let share = requestSum.multipliedReportingOverflow(by: percent)
        let place = Int(second % UInt64(Limits.budgetSeconds))
        guard !floor.overflow, !share.overflow, retries[place] < .max,
            retrySum < floor.partialValue + share.partialValue / 100
        else { return false }
        retries[place] += 1
        retrySum += 1
        return true
    }

    /// Drops the seconds that are more than ten back; a clock that stands still or goes back
    /// drops none.
    private mutating func advance(to now: Instant) {
        let target = now.nanoseconds / 1_000_000_000
        guard target > second else { return }
        let steps = min(target - second, UInt64(Limits.budgetSeconds))
        for step in 0..<steps {
            let place = Int((target - step) % UInt64(Limits.budgetSeconds))
            requestSum -= Int(requests[place])
            retrySum -= Int(retries[place])
            requests[place] = 0
            retries[place] = 0
        }
        second = target
    }
}
