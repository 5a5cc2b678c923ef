// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Bodies come a few bytes at a time, and some never to their end.
    static let slowBody = Scenario(
        "SlowBody", "a body that never ends holds a connection for ever"
    ) { random in
        var mesh = MeshSketch(endpoints: 2)
        mesh.limits = ["bodyIdleTimeout: 1s", "headTimeout: 2s"]
        mesh.isPlain = random.below(2) == 0
        var stage = Stage(mesh)
        stage.options.callers.dribblePermille = 300
        stage.options.callers.abandonPermille = 300
        stage.options.callers.chunkedPermille = 300
        stage.options.promptBytesMax = 400
        stage.fill(30, every: .milliseconds(10), using: &random)
        return stage
    } expect: { outcome in
        let timeouts = outcome.count(code: "request-timeout")
        return Expect.met(outcome, .bodyDribbled, .bodyAbandoned)
            + (timeouts > 0 ? [] : ["no body ran out of time"])
    }
}
