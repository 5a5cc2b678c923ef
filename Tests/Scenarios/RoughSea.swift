// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Everything at once.
    static let roughSea = Scenario(
        "RoughSea", "two faults together do what neither does alone"
    ) { random in
        var mesh = MeshSketch(endpoints: 4, fallback: 2)
        mesh.limits = ["bodyIdleTimeout: 1s", "headTimeout: 2s", "idleTimeout: 3s"]
        mesh.defaults = [
            "timeouts: {connect: 300ms, firstByte: 1s, streamIdle: 600ms, request: 5s}",
            "retry: {attempts: 3, statuses: [429, 500, 503]}",
            "outlierDetection: {consecutiveFailures: 2, baseEjectionTime: 100ms}",
            "healthCheck: {path: /health, interval: 100ms, timeout: 50ms}",
        ]
        var stage = Stage(mesh, habits: badHabits)
        stage.options.shards = 1 + random.below(3)
        stage.options.callers = badManners
        stage.options.serverNetwork = .rough(.microseconds(200))
        stage.options.callerNetwork = .rough(.milliseconds(1))
        stage.options.serverNetwork.resetPermille = 5
        stage.options.callerNetwork.resetPermille = random.below(2) * 5
        stage.options.serverNetwork.refusePermille = 20
        stage.options.serverNetwork.blackHolePermille = 10
        stage.fill(60, every: .milliseconds(10), using: &random)
        try addIncidents(to: &stage, mesh, using: &random)
        return stage
    }

    private static var badHabits: ServerHabits {
        var habits = ServerHabits()
        habits.statusPermille = 40
        habits.statuses = [429, 500, 503]
        habits.retryAfter = 1
        habits.malformedPermille = 10
        habits.vanishPermille = 30
        habits.cutPermille = 40
        habits.resetPermille = 30
        habits.doneMissingPermille = 50
        habits.stallPermille = 20
        habits.slowPermille = 30
        habits.idleTimeout = .milliseconds(80)
        return habits
    }

    private static var badManners: CallerHabits {
        var manners = CallerHabits()
        manners.slowPermille = 60
        manners.deafPermille = 20
        manners.deafFor = .seconds(6)
        manners.leavePermille = 80
        manners.halfClosePermille = 30
        manners.dribblePermille = 40
        manners.abandonPermille = 20
        manners.pipelinePermille = 150
        manners.malformedPermille = 20
        manners.chunkedPermille = 200
        manners.oldPermille = 60
        manners.usagePermille = 300
        manners.retries = 1
        return manners
    }

    private static func addIncidents(
        to stage: inout Stage, _ mesh: MeshSketch, using random: inout SplitMix64
    ) throws {
        for turn in 0..<8 {
            let at = Nanoseconds.milliseconds(Int64(turn) * 80 + Int64(random.below(80)))
            let server = random.below(6)
            let later = at + .milliseconds(Int64(20 + random.below(300)))
            switch random.below(4) {
            case 0:
                stage.plan(.crash(server: server), at: at)
                stage.plan(.restart(server: server), at: later)
            case 1:
                stage.plan(.partition(server: server), at: at)
                stage.plan(.heal(server: server), at: later)
            case 2: stage.plan(.closeIdle(server: server), at: at)
            default:
                var next = mesh
                next.backends[0].endpoints = (1...4).filter { $0 == 1 || random.below(3) > 0 }
                stage.plan(.publish(try next.snapshot(version: UInt64(turn + 2))), at: at)
            }
        }
        if random.below(3) == 0 {
            stage.plan(.drain(timeout: .milliseconds(300)), at: .milliseconds(500))
        }
    }
}
