// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// What is not a request is refused and reaches no server.
    static let malformedRequests = Scenario(
        "MalformedRequests", "what is not a request reaches a server"
    ) { random in
        var stage = Stage(MeshSketch(endpoints: 2))
        stage.options.callers.malformedPermille = 500
        stage.options.callerNetwork.splitPermille = 800
        stage.options.callerNetwork.jitter = .milliseconds(2)
        stage.fill(40, every: .milliseconds(8), using: &random)
        return stage
    } expect: { outcome in
        let bad = outcome.requests.filter { $0.ending == .refused && $0.status < 400 }
        let whole = outcome.count(.whole)
        return Expect.met(outcome, .malformedRequest)
            + (bad.isEmpty ? [] : ["\(bad.count) malformed requests were not refused"])
            + (outcome.answers.reduce(0, +) == whole ? [] : ["a server answered a bad request"])
    }
}
