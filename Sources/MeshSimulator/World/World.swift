// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshExchange
import MeshRollout
package import MeshSnapshot

/// A whole mesh in thought: callers, a proxy and model servers, with a network between them and a
/// clock that jumps from one event to the next.
///
/// The proxy's driver (`SimulatedProxy` and what belongs to it) stands where sockets stand in
/// production and drives the same `Exchange`, `Shard`, routing and snapshots. Servers are
/// `EngineModel`s behind HTTP. Nothing here reads a clock or draws chance of its own: equal
/// configuration, servers, workload, options and seed give equal runs, to the last byte, which
/// `Outcome.digest` attests.
///
/// ```
///  WorkItems ──> callers ══ network ══ proxy: Exchange, Shard ══ network ══ servers: EngineModel
///                   │                      │                                    │
///                   └──────── checks: what may never be seen, after every event ┘
/// ```
///
/// ```swift
/// let world = World(snapshot: snapshot, servers: plans, seed: 1, options: .capacity) {
///     workload.next()
/// }
/// while world.run(for: .seconds(1)) { showProgress(world.now) }
/// let outcome = world.finish()
/// ```
///
/// Invariant: no thread, no task, no clock, no dictionary whose order reaches a result.
package final class World {
    /// The seed of all chance.
    package let seed: UInt64
    /// How it was made.
    package let options: WorldOptions
    /// The present.
    package private(set) var now = Instant(nanoseconds: 0)
    /// The same, for those who hold a world and stand outside an event.
    var time: Instant { now }
    /// Shown every request when its caller has ended with it.
    package var observe: ((RequestObservation) -> Void)?

    var network: Network
    var serverRandom: SplitMix64
    var callerRandom: SplitMix64
    /// How policy engines behave.
    var policyEngines: PolicyEngineHabits
    var policyRandom: SplitMix64
    /// By session: when an engine last let it pass.
    var policyVerdicts: [Instant?] = []
    var faults = FaultCounts()
    private(set) var servers: [SimulatedServer] = []
    let proxy = SimulatedProxy()
    private var rollouts: SimulatedRollouts?
    var callers = CallerPool()
    /// Every request by number; nil once nothing more is to come of it.
    var requests: [SimulatedRequest?] = []
    /// Every answer that a server began; nil once its caller has ended.
    var attempts: [AttemptLog?] = []
    /// Requests whose caller has not ended.
    var openRequests = 0
    var outcome: Outcome
    var digest = Digest()
    var codes: [String: Int] = [:]

    private let source: () -> WorkItem?
    private var nextItem: WorkItem?
    private var heap = EventHeap()
    private var batches: [[Socket]] = []
    private var freeBatches: [Int32] = []
    private var openBatch: Int32 = -1
    private var openBatchAt = Instant(nanoseconds: 0)
    private var errands: [((Instant) -> Void)?] = []
    private var freeErrands: [Int32] = []
    private var eventsOfInstant = 0
    private var sockets: [Socket] = []
    private var places: [String: Int] = [:]
    /// Whether it has ended: it was finished, or a promise was broken.
    package private(set) var isOver = false

    /// A world before its first event.
    ///
    /// **Shape** `source` gives requests in order of time, then nil for ever; endpoints of
    /// `snapshot` that no server answers for refuse connections.
    package init(
        snapshot: Snapshot, servers plans: [ServerPlan], seed: UInt64, options: WorldOptions,
        source: @escaping () -> WorkItem?
    ) {
        self.seed = seed
        self.options = options
        self.source = source
        let root = SplitMix64(seed: seed)
        network = Network(random: root.split("network"), servers: plans.count)
        serverRandom = root.split("servers")
        callerRandom = root.split("callers")
        policyEngines = options.policyEngines
        policyRandom = root.split("policy engines")
        outcome = Outcome(seed: seed)
        var engines = root.split("engines")
        for (number, plan) in plans.enumerated() {
            servers.append(
                SimulatedServer(world: self, number: number, plan: plan, seed: engines.next()))
            places[plan.authority] = number
        }
        outcome.answers = Array(repeating: 0, count: plans.count)
        proxy.start(in: self, snapshot: snapshot, random: root.split("proxy"))
        if let compile = options.compile {
            rollouts = SimulatedRollouts(world: self, compile: compile)
            rollouts?.adopt(snapshot, at: now)
        }
        nextItem = source()
    }

    /// Lets `time` pass; false once the workload is over and every caller has ended, or a
    /// promise was broken.
    package func run(for time: Nanoseconds) -> Bool { run(until: now + time) }

    /// Lets time pass until `end`; answers as `run(for:)`.
    package func run(until end: Instant) -> Bool {
        while !isOver {
            let item = nextItem?.at ?? .distantFuture
            let event = heap.nextAt ?? .distantFuture
            guard min(item, event) <= end else { break }
            if item <= event {
                now = max(now, item)
                beginRequest()
            } else {
                step()
            }
            outcome.events &+= 1
            if !outcome.breaches.isEmpty { isOver = true }
        }
        if !isOver { now = max(now, end) }
        return !isOver && (nextItem != nil || openRequests > 0)
    }

    /// Lets everything that was begun come to its end, and says what came of it all. The world
    /// is over then.
    package func finish() -> Outcome {
        nextItem = nil
        let last = now + Limits.settling
        while !isOver, openRequests > 0, now < last { _ = run(until: now + .seconds(1)) }
        // What callers left behind is settled within the time that a connection may linger.
        if !isOver { _ = run(until: now + .seconds(5)) }
        if outcome.breaches.isEmpty { checkEnd() }
        isOver = true
        outcome.faults = faults
        outcome.servers = servers.map(\.engine.stats)
        outcome.endedAt = now
        outcome.codes = codes.sorted { $0.key < $1.key }.map { (code: $0.key, count: $0.value) }
        digest.add(network.random.next())
        digest.add(serverRandom.next())
        digest.add(callerRandom.next())
        digest.add(policyRandom.next())
        for loop in proxy.loops { digest.add(loop.shard.random.next()) }
        for change in outcome.rollouts { digest.add(UInt64(change.share.weight)) }
        digest.add(outcome.events)
        outcome.digest = digest.value
        dissolve()
        return outcome
    }

    /// What every server counts at this moment.
    package var serverStats: [EngineStats] { servers.map(\.engine.stats) }

    // MARK: Events

    private func step() {
        guard let entry = heap.pop() else { return }
        if entry.at > now {
            now = entry.at
            eventsOfInstant = 0
        }
        eventsOfInstant += 1
        if eventsOfInstant > Limits.eventsOfInstant {
            breach("time passes", "nothing but events of one instant")
        }
        switch entry.kind {
        case .arrivals:
            deliver(Int(entry.place))
            return
        case .errand:
            let errand = errands[Int(entry.place)]
            errands[Int(entry.place)] = nil
            freeErrands.append(entry.place)
            errand?(now)
        case .server: servers[Int(entry.place)].wake(at: now)
        }
        checkIfDue()
    }

    private func deliver(_ place: Int) {
        if openBatch == Int32(place) { openBatch = -1 }
        var batch: [Socket] = []
        swap(&batch, &batches[place])
        for socket in batch {
            socket.deliver(at: now)
            checkIfDue()
            if !outcome.breaches.isEmpty { break }
        }
        batch.removeAll(keepingCapacity: true)
        swap(&batch, &batches[place])
        freeBatches.append(Int32(place))
    }

    private func beginRequest() {
        guard let item = nextItem else { return }
        nextItem = source()
        let fate = CallerFate(options.callers, using: &callerRandom)
        send(item, fate: fate, repeats: 0)
        checkIfDue()
    }

    /// Calls `errand` at `time`.
    func schedule(at time: Instant, _ errand: @escaping (Instant) -> Void) {
        guard time != .distantFuture else { return }
        let place: Int32
        if let free = freeErrands.popLast() {
            place = free
            errands[Int(place)] = errand
        } else {
            place = Int32(errands.count)
            errands.append(errand)
        }
        heap.push(.errand, place, at: max(time, now))
    }

    /// Looks at `socket` at `time`, when something has got there.
    func arrives(_ socket: Socket, at time: Instant) {
        if openBatch >= 0, openBatchAt == time {
            batches[Int(openBatch)].append(socket)
            return
        }
        let place: Int32
        if let free = freeBatches.popLast() {
            place = free
        } else {
            place = Int32(batches.count)
            batches.append([])
        }
        batches[Int(place)].append(socket)
        openBatch = place
        openBatchAt = time
        heap.push(.arrivals, place, at: max(time, now))
    }

    /// Wakes server `number` at `time`.
    func wakes(server number: Int, at time: Instant) {
        heap.push(.server, Int32(number), at: max(time, now))
    }

    // MARK: Places

    /// The server at `authority`, -1 when nobody is there.
    func server(at authority: String) -> Int { places[authority] ?? -1 }

    /// Two ends of a new connection: the one that `opener` uses and the one that is accepted.
    func pair(route: Int, profile: NetworkProfile) -> (Socket, Socket) {
        let near = Socket(world: self, route: route, profile: profile)
        let far = Socket(world: self, route: route, profile: profile)
        near.other = far
        far.other = near
        for socket in [near, far] {
            socket.place = sockets.count
            sockets.append(socket)
        }
        return (near, far)
    }

    /// A socket is closed at both ends.
    func forget(_ socket: Socket) {
        let place = socket.place
        guard place >= 0, let last = sockets.popLast() else { return }
        if last !== socket {
            sockets[place] = last
            last.place = place
        }
        socket.place = -1
    }

    /// Hands a connection of a caller to the proxy; false when it takes none.
    func acceptAtProxy(_ socket: Socket, at now: Instant) -> Bool {
        proxy.accept(socket, at: now)
    }

    /// Has the proxy take a snapshot into use.
    func publish(_ snapshot: Snapshot, at now: Instant) {
        proxy.publish(snapshot, at: now)
        rollouts?.adopt(snapshot, at: now)
    }

    /// Has the proxy stop, and end what still runs after `timeout`.
    func drain(timeout: Nanoseconds, at now: Instant) {
        proxy.drain(at: now)
        schedule(at: now + timeout) { [self] now in proxy.cutOff(at: now) }
    }

    /// The sockets on the way to server `route`.
    func sockets(route: Int) -> [Socket] { sockets.filter { $0.route == route } }

    private func dissolve() {
        for socket in sockets {
            socket.handler = nil
            socket.other = nil
        }
        sockets = []
        errands = []
        batches = []
        heap = EventHeap()
        requests = []
        attempts = []
        for server in servers { server.dissolve() }
        servers = []
        proxy.dissolve()
        rollouts = nil
        callers = CallerPool()
    }
}
