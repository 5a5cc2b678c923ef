// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// One model server: connections in front, an engine behind.
///
/// The engine knows when each token appears; the connections turn that into HTTP, and break it
/// where the server's habits say so.
final class SimulatedServer {
    /// Held strongly until the world dissolves: an unowned reference costs at every use.
    let world: World
    /// Its number in the world.
    let number: Int
    let plan: ServerPlan
    var habits: ServerHabits
    var engine: EngineModel
    /// Since when it asks to be left alone.
    private(set) var pausesFrom = Instant(nanoseconds: 0)
    /// Until when it asks to be left alone.
    var pausesUntil = Instant(nanoseconds: 0)
    /// Whether it is there at all.
    private(set) var isUp = true

    /// The connections by place; the lower half of a job's name is such a place.
    private var connections: [ServerConnection?] = []
    private var vacant: [Int] = []
    private var jobs: UInt64 = 0
    private var events: [EngineEvent] = []
    private var armedAt: Instant?
    private var touched: [ServerConnection] = []

    init(world: World, number: Int, plan: ServerPlan, seed: UInt64) {
        self.world = world
        self.number = number
        self.plan = plan
        habits = plan.habits
        engine = EngineModel(profile: plan.profile, faults: plan.faults, seed: seed)
    }

    /// Takes a connection; false when there is nobody to take it.
    func accept(_ socket: Socket, at now: Instant) -> Bool {
        guard isUp, habits.accepts else { return false }
        let place = vacant.popLast() ?? connections.count
        if place == connections.count { connections.append(nil) }
        let connection = ServerConnection(server: self, socket: socket, place: place)
        connections[place] = connection
        socket.handler = connection
        connection.waitForRequest(at: now)
        return true
    }

    /// A connection has ended.
    func forget(_ connection: ServerConnection) {
        guard connections[connection.place] === connection else { return }
        connections[connection.place] = nil
        vacant.append(connection.place)
    }

    // MARK: Engine

    /// A name for a job of the connection at `place`.
    func jobName(place: Int) -> EngineJob.ID {
        jobs &+= 1
        return EngineJob.ID(jobs << 24 | UInt64(place))
    }

    /// Hands a job to the engine.
    func submit(_ job: EngineJob, at now: Instant) -> Admission {
        let admission = engine.submit(job, at: now)
        arm()
        return admission
    }

    /// The caller of a job is gone.
    func cancel(_ id: EngineJob.ID, at now: Instant) {
        _ = engine.cancel(id, at: now)
        arm()
    }

    /// Makes sure that the world wakes the engine when it has something to say.
    func arm() {
        guard let next = engine.nextEventAt else { return }
        if let armedAt, armedAt <= next { return }
        armedAt = next
        world.wakes(server: number, at: next)
    }

    /// The time has come for the engine to say something.
    func wake(at now: Instant) {
        guard armedAt == now else { return }
        armedAt = nil
        events.removeAll(keepingCapacity: true)
        engine.advance(to: now) { event, _ in events.append(event) }
        deliver(at: now)
        if engine.isCrashed, isUp { crash(at: now) }
        arm()
    }

    private func deliver(at now: Instant) {
        touched.removeAll(keepingCapacity: true)
        for event in events {
            let place = Int(event.job.rawValue & 0xFF_FFFF)
            guard place < connections.count, let connection = connections[place],
                connection.job == event.job
            else { continue }
            switch event {
            case .token(_, let index):
                connection.token(index, at: now)
                touched.append(connection)
            case .finished(_, let finish, let usage):
                connection.finished(finish, usage, at: now)
            case .failed(_, let failure):
                connection.failed(failure, at: now)
            }
        }
        for connection in touched { connection.flush(at: now) }
    }

    // MARK: Incidents

    /// Goes down with everything it holds.
    func crash(at now: Instant) {
        guard isUp else { return }
        isUp = false
        world.faults.count(.serverCrash)
        events.removeAll(keepingCapacity: true)
        engine.kill(at: now) { event, _ in events.append(event) }
        for connection in connections { connection?.sever(at: now) }
        armedAt = nil
    }

    /// Comes back with nothing in memory.
    func restart() {
        guard !isUp else { return }
        isUp = true
        engine.restart()
    }

    /// It said that it takes nothing for so long.
    func asksForPause(_ length: Nanoseconds, at now: Instant) {
        if pausesUntil <= now { pausesFrom = now }
        pausesUntil = max(pausesUntil, now + length)
    }

    /// Closes the connections that wait for a request.
    func closeIdle(at now: Instant) {
        for connection in connections { connection?.closeIfIdle(at: now) }
    }

    /// Replaces the faults of the engine.
    func set(_ faults: EngineFaults, at now: Instant) {
        engine.set(faults, at: now)
        arm()
    }

    /// Lets go of everything; the world is over.
    func dissolve() { connections = [] }
}
