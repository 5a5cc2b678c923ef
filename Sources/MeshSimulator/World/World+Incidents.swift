// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

extension World {
    /// Lets `incident` happen at `time`.
    package func plan(_ incident: Incident, at time: Instant) {
        schedule(at: time) { [self] now in happen(incident, at: now) }
    }

    private func happen(_ incident: Incident, at now: Instant) {
        switch incident {
        case .publish(let snapshot):
            faults.count(.reload)
            publish(snapshot, at: now)
        case .crash(let server): servers[server].crash(at: now)
        case .restart(let server): servers[server].restart()
        case .partition(let server):
            faults.count(.partition)
            network.setCut(server, true)
        case .heal(let server):
            network.setCut(server, false)
            for socket in sockets(route: server) { socket.healed(at: now) }
        case .faults(let server, let faults): servers[server].set(faults, at: now)
        case .habits(let server, let habits): servers[server].habits = habits
        case .closeIdle(let server): servers[server].closeIdle(at: now)
        case .policyEngines(let habits): policyEngines = habits
        case .drain(let timeout):
            faults.count(.drain)
            drain(timeout: timeout, at: now)
        }
    }
}
