// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

extension Fleet {
    /// An answer of `model` on `backend` began, or was given up, after `wait`.
    package mutating func observeWait(
        _ wait: Nanoseconds, model: [UInt8], isStream: Bool, backend: BackendID
    ) {
        guard pools.indices.contains(Int(backend)) else { return }
        let key = WaitKey(model: model, isStream: isStream)
        if pools[Int(backend)].waits[key] == nil,
            pools[Int(backend)].waits.count >= Limits.troubles
        {
            pools[Int(backend)].waits.removeAll()
        }
        pools[Int(backend)].waits[key, default: WaitTimes()].observe(wait)
    }

    /// The time within which `percent` of the answers of `model` on `backend` begin; nil while too
    /// few are known.
    package func wait(
        percent: Int, model: [UInt8], isStream: Bool, backend: BackendID
    ) -> Nanoseconds? {
        guard pools.indices.contains(Int(backend)) else { return nil }
        return pools[Int(backend)].waits[WaitKey(model: model, isStream: isStream)]?
            .percentile(percent)
    }

    /// Counts one request to `backend` that may be sent twice, with so many `tokens` in its prompt.
    package mutating func countHedgeable(
        backend: BackendID, policy: HedgePolicy, tokens: Int
    ) {
        guard pools.indices.contains(Int(backend)) else { return }
        pools[Int(backend)].hedges.earn(
            percent: policy.budgetPercent, tokens: tokens, tokensMax: policy.inputTokensMax)
    }

    /// Whether a request to `backend` with so many `tokens` may be sent twice; counts it when it
    /// may.
    package mutating func allowHedge(backend: BackendID, tokens: Int) -> Bool {
        guard pools.indices.contains(Int(backend)) else { return false }
        return pools[Int(backend)].hedges.spend(tokens: tokens)
    }
}
