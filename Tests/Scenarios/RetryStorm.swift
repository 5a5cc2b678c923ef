// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// When everything fails, retries must not make the load a multiple of itself.
    static let retryStorm = Scenario(
        "RetryStorm", "retries turn a failing backend into a dead one"
    ) { random in
        var mesh = MeshSketch(endpoints: 3)
        mesh.defaults = [
            "retry: {attempts: 5, statuses: [503], budget: {percent: 20, minPerSecond: 1}}"
        ]
        var habits = ServerHabits()
        habits.statusPermille = 1000
        var stage = Stage(mesh, habits: habits)
        stage.options.callers.retries = 1
        stage.fill(60, every: .milliseconds(10), tokens: 3...5, using: &random)
        for server in 0..<3 {
            stage.plan(.habits(server: server, ServerHabits()), at: .milliseconds(500))
        }
        return stage
    } expect: { outcome in
        // Of what callers send a fifth may be sent again, and ten a second at the least ten.
        let requests = outcome.records
        let most = requests + requests / 5 + 10
        let answers = outcome.answers.reduce(0, +)
        return Expect.met(outcome, .errorStatus)
            + (answers <= most ? [] : ["\(answers) attempts for \(requests) requests"])
    }
}
