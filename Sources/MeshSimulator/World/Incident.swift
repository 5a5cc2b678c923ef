// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// Something that happens to a world at a time that was set beforehand.
package enum Incident: Sendable {
    /// The proxy takes a snapshot into use.
    case publish(Snapshot)
    /// A server goes down, with all its connections.
    case crash(server: Int)
    /// A server comes back, with nothing in memory.
    case restart(server: Int)
    /// Nothing passes between the proxy and a server.
    case partition(server: Int)
    /// It does again.
    case heal(server: Int)
    /// What goes wrong inside a server's engine changes.
    case faults(server: Int, EngineFaults)
    /// How a server's HTTP side behaves changes.
    case habits(server: Int, ServerHabits)
    /// A server closes the connections that wait for a request.
    case closeIdle(server: Int)
    /// How policy engines behave changes.
    case policyEngines(PolicyEngineHabits)
    /// The proxy begins to stop and lets exchanges end for so long.
    case drain(timeout: Nanoseconds)
}
