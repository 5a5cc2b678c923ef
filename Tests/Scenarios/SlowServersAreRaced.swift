// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Servers that are slow now and then are raced by others, some of which break off: callers
    /// get one whole answer, and nothing is left running.
    static let slowServersAreRaced = Scenario(
        "SlowServersAreRaced", "two attempts for one request mix their answers or are not ended"
    ) { random in
        var habits = ServerHabits()
        habits.slowPermille = 250
        habits.slowBy = .milliseconds(400)
        habits.statusPermille = 40
        habits.resetPermille = 20
        habits.vanishPermille = 30
        var mesh = MeshSketch(endpoints: 3, fallback: 2)
        mesh.defaults = [
            "hedging: {delay: 60ms, budgetPercent: 100, fallbacks: true}",
            "retry: {attempts: 3, budget: {percent: 1000, minPerSecond: 1000}}",
            "outlierDetection: {consecutiveFailures: 0}",
        ]
        var stage = Stage(mesh, habits: habits)
        stage.options.shards = 2
        stage.fill(80, every: .milliseconds(15), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .slowAnswer) + Expect.most(outcome, end: .whole, percent: 90)
    }
}
