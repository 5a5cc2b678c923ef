// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// How a world is made, beside its configuration, its servers and its workload.
package struct WorldOptions: Sendable {
    /// Event loops of the proxy, each with a shard of its own.
    package var shards = 1
    /// What lies between callers and proxy.
    package var callerNetwork = NetworkProfile.near
    /// What lies between proxy and servers.
    package var serverNetwork = NetworkProfile.rack
    /// How callers behave.
    package var callers = CallerHabits()
    /// How policy engines behave at first.
    package var policyEngines = PolicyEngineHabits()
    /// All invariants are looked at after every n-th event; 0 for never. They cost as much as
    /// there are connections.
    package var checkEvery = 1
    /// Whether callers hold every byte of an answer against what the server said.
    package var verifies = true
    /// Whether every server says the same to the same request, as at temperature 0, and goes on
    /// from the beginning of an answer that a request ends with. Callers then hold the words
    /// against what they should be, whoever said them.
    package var isDeterministic = false
    /// Whether `Outcome.requests` keeps what every caller saw.
    package var keepsRequests = true
    /// Which of the upstream operations (connect, send, read a head, read a body) fails, counted
    /// from 0 in the order in which they happen; nil for none.
    package var failOperation: Int?
    /// Bytes of a prompt that are really sent; the rest is only counted.
    package var promptBytesMax = 2048
    /// Servers that a data label may reach, by label: what the world holds against what servers
    /// really got, whatever the configuration says.
    package var confined: [String: [String]] = [:]
    /// When servers may get no labelled data any more, by authority; what is on its way then may
    /// still arrive for a tenth of a second.
    package var confinedUntil: [String: Instant] = [:]
    /// Whether servers that asked to be left alone must be; what is on its way when they ask may
    /// still arrive for a tenth of a second.
    package var checksPauses = false
    /// Compiles the configuration with what Rollouts give their canaries, for a version; nil
    /// where nobody moves Rollouts on.
    package var compile: (@Sendable ([RolloutShare], UInt64) throws -> Snapshot)?
    /// A mistake that the driver makes on purpose, so that tests see it caught.
    package var sabotage: Sabotage?

    /// A world in which nothing goes wrong by itself, with every check on.
    package init() {}

    /// A world for figures: invariants are not looked at, bytes are only counted, nothing is
    /// recorded, and nothing is kept but what `World.observe` is shown.
    package static var capacity: WorldOptions {
        var options = WorldOptions()
        options.checkEvery = 0
        options.verifies = false
        options.keepsRequests = false
        return options
    }
}

/// Mistakes that the checkers must find.
package enum Sabotage: String, CaseIterable, Sendable {
    /// The driver does not tell the exchange that its caller left.
    case forgetsCallerLeft
    /// The driver takes a connection's break for the orderly end of the answer.
    case takesBreakForEnd
    /// The driver writes a piece of an answer twice.
    case repeatsBytes
    /// The driver reads on from an endpoint whose caller does not read.
    case ignoresSlowReader
    /// The driver tells of a finished exchange twice.
    case recordsTwice
    /// The driver does not start the timers.
    case forgetsDeadlines
    /// The driver sends the request to the first endpoint of the snapshot, whatever was picked.
    case ignoresPick
    /// The driver puts an older snapshot into use.
    case adoptsBackwards
    /// Somebody takes from a limit and never settles it.
    case forgetsSettlement
    /// Recordings say that something else was decided.
    case forgesRecordings
    /// The driver leaves the last word out of what it says was said.
    case forgetsLastWord
    /// The driver gets an endpoint as if the request carried no data label.
    case losesLabels
    /// Records leave out where labelled data went.
    case forgesReceipts
    /// The driver takes a policy engine that gives no answer for one that says yes.
    case takesSilenceForYes
}
