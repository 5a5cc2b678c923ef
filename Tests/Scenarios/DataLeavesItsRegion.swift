// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Everything fails that can, so that retries and fallbacks go wherever they can: what is
    /// labelled stays in its region all the same, and is refused rather than sent elsewhere.
    static let dataLeavesItsRegion = Scenario(
        "DataLeavesItsRegion", "a retry or fallback takes labelled data out of its region"
    ) { random in
        var mesh = MeshSketch(endpoints: 2, fallback: 2)
        mesh.backends.append(MeshSketch.Backend("reserve", subnet: 2, endpoints: [1]))
        mesh.fallbacks = ["spare", "reserve"]
        mesh.regions = ["b": "eu-1", "spare": "us-1", "reserve": "eu-2"]
        mesh.confined = [("phi", ["\"eu-*\""])]
        mesh.defaults = [
            "timeouts: {connect: 300ms, firstByte: 1s}",
            "retry: {attempts: 3, statuses: [503]}",
        ]
        var habits = ServerHabits()
        habits.statusPermille = 300
        habits.vanishPermille = 200
        habits.cutPermille = 50
        var stage = Stage(mesh, habits: habits)
        stage.options.shards = 1 + random.below(2)
        stage.options.callers.retries = 1
        stage.options.confined = ["phi": ["10.0.0.1:8000", "10.0.0.2:8000", "10.0.2.1:8000"]]
        stage.fill(60, every: .milliseconds(12), using: &random)
        for number in stage.items.indices where random.below(2) == 0 {
            stage.items[number].dataLabel = "phi"
        }
        for server in [0, 1, 4] {
            let at = Int64(random.below(400))
            stage.plan(.crash(server: server), at: .milliseconds(at))
            stage.plan(.restart(server: server), at: .milliseconds(at + 200))
        }
        // Labels get other numbers while requests are under way.
        var next = mesh
        next.confined.insert(("aaa", ["us-1"]), at: 0)
        stage.plan(.publish(try next.snapshot(version: 2)), at: .milliseconds(350))
        return stage
    } expect: { outcome in
        Expect.met(outcome, .errorStatus, .closedBeforeAnswer)
            + (outcome.answers[2] + outcome.answers[3] > 0 ? [] : ["nothing fell over at all"])
    }

    /// A copy is as much a way out of a region as any other.
    static let copyLeavesItsRegion = Scenario(
        "CopyLeavesItsRegion", "a copy for a mirror takes labelled data out of its region"
    ) { random in
        var mesh = MeshSketch(endpoints: 2, fallback: 1)
        mesh.fallbacks = []
        mesh.isPlain = true
        mesh.mirror = "spare"
        mesh.regions = ["b": "eu-1", "spare": "us-1"]
        mesh.confined = [("phi", ["eu-1"])]
        var stage = Stage(mesh)
        stage.options.confined = ["phi": ["10.0.0.1:8000", "10.0.0.2:8000"]]
        stage.fill(40, every: .milliseconds(8), using: &random)
        for number in stage.items.indices where random.below(2) == 0 {
            stage.items[number].dataLabel = "phi"
        }
        return stage
    } expect: { outcome in
        Expect.all(outcome, end: .whole, of: 40)
            + (outcome.answers[2] > 0 ? [] : ["no copy was sent"])
    }
}
