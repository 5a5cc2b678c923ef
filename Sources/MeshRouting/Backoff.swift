// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// The pause before an attempt is repeated.
package enum Backoff {
    /// The pause before the attempt that follows `attempt` others; nil when the endpoint asks for
    /// a longer one than `policy.backoffMax`, which means not to retry here.
    ///
    /// The pause is drawn evenly between none and a limit that doubles with every attempt (full
    /// jitter), but is never shorter than `retryAfter`.
    ///
    /// **Shape** `attempt` counts from 1.
    /// **Source** Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    package static func delay(
        attempt: Int, policy: RetryPolicy, retryAfter: Nanoseconds?,
        using random: inout SplitMix64
    ) -> Nanoseconds? {
        if let retryAfter, retryAfter > policy.backoffMax { return nil }
        var limit = max(policy.backoffBase, .zero)
        var doublings = max(attempt, 1) - 1
        while doublings > 0, limit > .zero, limit < policy.backoffMax {
            limit = limit + limit
            doublings -= 1
        }
        limit = max(min(limit, policy.backoffMax), .zero)
        let drawn = Nanoseconds(Int64(random.below(Int(limit.rawValue) + 1)))
        return max(drawn, retryAfter ?? .zero)
    }
}
