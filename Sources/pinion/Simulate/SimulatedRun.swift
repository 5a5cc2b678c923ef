// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import MeshBasics
import MeshModel
import MeshSimulator

/// One side, run from the first request to the end of the last.
struct SimulatedRun {
    let side: SimulatedSide
    let work: SimulatedWork
    let seed: UInt64
    let loops: Int

    /// How often servers are looked at.
    private static let step = Nanoseconds.milliseconds(250)

    /// Runs it.
    ///
    /// **Errors** a promise of the mesh that was broken on the way, which is our mistake.
    func report(showing progress: ProgressBar) throws -> RunReport {
        let tally = Tally(RunTally(servers: side.plan.servers.count))
        let world = World(
            snapshot: side.snapshot, servers: side.plan.servers, seed: seed, options: options,
            source: work.items())
        world.observe = { tally.value.add($0) }
        for timed in side.plan.incidents { world.plan(timed.incident, at: timed.at) }
        progress.begin(side.name, window: work.window)
        while world.run(for: Self.step) {
            tally.value.look(world.serverStats, at: world.now)
            progress.show(world.now)
        }
        let outcome = world.finish()
        progress.add(simulated: outcome.endedAt)
        if let breach = outcome.breaches.first {
            progress.end()
            Terminal.err(
                "the simulation broke a promise of the mesh: \(breach); report it with the "
                    + "configuration and seed \(seed)")
            throw ExitCode.failure
        }
        return RunReport(
            name: side.name, window: work.window, tally: tally.value, outcome: outcome,
            servers: side.plan.servers)
    }

    private var options: WorldOptions {
        var options = WorldOptions.capacity
        options.shards = loops
        let network = side.fleet.network
        options.callerNetwork = NetworkProfile(latency: network.callers)
        options.serverNetwork = NetworkProfile(latency: network.servers)
        options.callerNetwork.jitter = network.jitter
        options.serverNetwork.jitter = network.jitter
        options.callerNetwork.lossPermille = network.lossPermille
        options.serverNetwork.lossPermille = network.lossPermille
        return options
    }

    /// Shares the tally with the world's observer.
    private final class Tally {
        var value: RunTally

        init(_ value: RunTally) { self.value = value }
    }
}
