// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Requests fail over, callers leave, answers are cut: each is charged once, and what was
    /// reserved for it is settled whatever becomes of it.
    static let limitsUnderFailover = Scenario(
        "LimitsUnderFailover", "a limit is charged twice, or what was reserved is never given back"
    ) { random in
        var mesh = MeshSketch(endpoints: 2, fallback: 2)
        mesh.defaults = ["retry: {attempts: 3, statuses: [503]}"]
        mesh.price = "{inputPerMillion: 3, outputPerMillion: 15}"
        mesh.usageLimits = [
            "{name: rate, requests: 1000, per: 1s}",
            "{name: tokens, tokens: 400000, per: 1m}",
            "{name: money, cost: \"9.50\", per: 1h, key: [header:x-session-id]}",
        ]
        var habits = ServerHabits()
        habits.statusPermille = 200
        habits.cutPermille = 300
        var stage = Stage(mesh, habits: habits)
        stage.options.shards = 2
        stage.options.callers.leavePermille = 300
        stage.options.callers.leaveWithin = .milliseconds(60)
        stage.options.callers.slowPermille = 100
        stage.fill(60, every: .milliseconds(12), using: &random)
        for server in 0..<2 {
            let at = Int64(random.below(600))
            stage.plan(.crash(server: server), at: .milliseconds(at))
            stage.plan(.restart(server: server), at: .milliseconds(at + 200))
        }
        return stage
    } expect: { outcome in
        Expect.metAll(outcome, .errorStatus, .answerCut, .callerLeft)
            + (outcome.count(code: "request-limit") == 0 ? [] : ["the wide limit refused"])
    }
}
