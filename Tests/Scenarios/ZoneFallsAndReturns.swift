// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// The servers of the proxy's zone go down and come back: those of other zones help out
    /// meanwhile, and no longer.
    static let zoneFallsAndReturns = Scenario(
        "ZoneFallsAndReturns",
        "requests go far without need, or stay away from a zone that is back, or bury it"
    ) { random in
        var mesh = MeshSketch(endpoints: 4)
        mesh.zones = ["b": ["near", "near", "far", "far"]]
        mesh.defaults = [
            "locality: {zone: near}", "slowStart: {window: 300ms}",
            "outlierDetection: {consecutiveFailures: 2, baseEjectionTime: 100ms}",
            "healthCheck: {path: /health, interval: 40ms, timeout: 40ms, unhealthyThreshold: 3}",
            "retry: {attempts: 3, budget: {percent: 1000, minPerSecond: 1000}}",
        ]
        var stage = Stage(mesh)
        stage.fill(240, every: .milliseconds(10), using: &random)
        for server in 0..<2 {
            stage.plan(.crash(server: server), at: .milliseconds(300))
            stage.plan(.restart(server: server), at: .milliseconds(600))
        }
        return stage
    } expect: { outcome in
        /// How many of the answers that were asked for between two milliseconds came from far.
        func far(_ times: Range<UInt64>) -> (count: Int, of: Int) {
            let found = outcome.requests.filter {
                times.contains($0.startedAt.nanoseconds / 1_000_000) && $0.server >= 0
            }
            return (found.count { $0.server >= 2 }, found.count)
        }
        var wrong = Expect.met(outcome, .serverCrash)
        wrong += Expect.most(outcome, end: .whole, percent: 90)
        // What begins later may still run when the servers go, and is tried again far away.
        if far(0..<100).count > 0 { wrong.append("requests went far without need") }
        if far(350..<550).count == 0 { wrong.append("nobody helped out") }
        // By then no endpoint is out for its last failures, and none is given little at first.
        let late = far(2_000..<10_000)
        if late.count > 0 { wrong.append("\(late.count) of \(late.of) stayed away") }
        return wrong
    }
}
