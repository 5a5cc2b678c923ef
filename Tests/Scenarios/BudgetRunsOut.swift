// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Far more comes than a limit allows, and the limit changes while it is in debt.
    static let budgetRunsOut = Scenario(
        "BudgetRunsOut", "a limit lets more through than it says, or forgets debts at a reload"
    ) { random in
        var mesh = MeshSketch(endpoints: 2)
        let burst = 5 + random.below(10)
        mesh.usageLimits = [
            "{name: rate, requests: 10, per: 1s, burst: \(burst)}",
            "{name: tokens, tokens: 6000, per: 10s, key: [source]}",
        ]
        var stage = Stage(mesh)
        stage.fill(120, every: .milliseconds(10), tokens: 3...40, using: &random)
        for version in 2..<12 {
            let amount = 5 + random.below(10)
            mesh.usageLimits[0] = "{name: rate, requests: \(amount), per: 1s, burst: \(burst)}"
            stage.plan(
                .publish(try mesh.snapshot(version: UInt64(version))),
                at: .milliseconds(Int64(version) * 100))
        }
        return stage
    } expect: { outcome in
        // Over the second or two that it lasts, no more than the burst and what comes back.
        let whole = outcome.count(.whole)
        return (outcome.count(code: "request-limit") > 0 ? [] : ["nothing was refused"])
            + (whole <= 60 ? [] : ["\(whole) of 120 were let through"])
            + (whole >= 5 ? [] : ["only \(whole) were let through"])
    }
}
