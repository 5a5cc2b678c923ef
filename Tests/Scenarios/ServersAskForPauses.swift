// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Servers ask to be left alone for a while, again and again: they are, by every event loop,
    /// and no caller notices.
    static let serversAskForPauses = Scenario(
        "ServersAskForPauses", "a server that asked for a pause is asked all the same"
    ) { random in
        var stage = pausing(endpoints: 3, spare: 3, permille: 60)
        stage.fill(80, every: .milliseconds(40), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .errorStatus) + Expect.most(outcome, end: .whole, percent: 90)
    }

    /// The same with so few servers that all of them ask at once: callers are told when to come
    /// back, and the servers have their peace.
    static let everybodyAsksForPauses = Scenario(
        "EverybodyAsksForPauses", "callers without a server are let through to servers that said no"
    ) { random in
        var stage = pausing(endpoints: 1, spare: 1, permille: 500)
        stage.fill(80, every: .milliseconds(40), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .errorStatus)
            + (outcome.codes.contains { $0.code == "upstream-rate-limited" }
                ? [] : ["nobody was told that all servers cool down"])
    }

    private static func pausing(endpoints: Int, spare: Int, permille: Int) -> Stage {
        var habits = ServerHabits()
        habits.statusPermille = permille
        habits.statuses = [429, 503]
        habits.retryAfter = 1
        var mesh = MeshSketch(endpoints: endpoints, fallback: spare)
        mesh.defaults = [
            "retry: {attempts: 3, backoff: {max: 500ms}, "
                + "budget: {percent: 1000, minPerSecond: 1000}}"
        ]
        var stage = Stage(mesh, habits: habits)
        stage.options.shards = 3
        stage.options.checksPauses = true
        return stage
    }
}
