// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Servers close kept connections just when a request is written on them.
    static let idleCloseRace = Scenario(
        "IdleCloseRace", "a kept connection that just closed is a caller's error"
    ) { random in
        var habits = ServerHabits()
        habits.idleTimeout = .milliseconds(30)
        var stage = Stage(MeshSketch(endpoints: 1), habits: habits)
        // A crossing takes as long as the distance of two requests varies.
        stage.options.serverNetwork = NetworkProfile(latency: .milliseconds(4))
        stage.fill(50, every: .milliseconds(40), tokens: 2...3, using: &random)
        for turn in 1..<10 {
            stage.plan(.closeIdle(server: 0), at: .milliseconds(Int64(turn) * 130))
        }
        return stage
    } expect: { outcome in
        Expect.met(outcome, .idleClose) + Expect.all(outcome, end: .whole, of: 50)
    }
}
