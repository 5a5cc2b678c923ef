// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

extension Fleet {
    /// Counts one request, not its retries, for the budget of `backend`.
    package mutating func countRequest(backend: BackendID, at now: Instant) {
        guard pools.indices.contains(Int(backend)) else { return }
        pools[Int(backend)].budget.countRequest(at: now)
        if meshBudgetPolicy != nil { meshBudget.countRequest(at: now) }
    }

    /// Whether `backend` may receive one more retry: retries over the last ten seconds stay
    /// within `policy.budgetPercent` of requests plus `policy.budgetMinPerSecond` each second, and
    /// those of all backends together within `meshBudgetPolicy`.
    /// Counts the retry when it may.
    package mutating func allowRetry(
        backend: BackendID, policy: RetryPolicy, at now: Instant
    ) -> Bool {
        guard pools.indices.contains(Int(backend)) else { return false }
        let isAllowed = pools[Int(backend)].budget.allow(
            percent: policy.budgetPercent, minPerSecond: policy.budgetMinPerSecond, at: now)
        guard isAllowed, let mesh = meshBudgetPolicy else { return isAllowed }
        return meshBudget.allow(
            percent: mesh.percent, minPerSecond: mesh.minPerSecond, at: now)
    }
}
