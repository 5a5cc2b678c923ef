// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshExchange
import MeshLimits
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// What the connections of one event loop share: the shard, the pools of upstream connections.
final class ProxyLoop {
    /// Held strongly until the world dissolves: an unowned reference costs at every use.
    let world: World
    let number: Int
    /// All decision state.
    var shard: Shard
    /// Limits of heads in the present snapshot.
    private(set) var headLimits = HeadLimits()
    private(set) var portIndex: [Int] = []
    /// Payload that replaces what an upstream sent.
    var piece: [UInt8] = []
    /// Payload ranges of the read being relayed.
    var ranges: [ByteRange] = []
    /// Mirrored copies on their way.
    var mirrors = 0
    /// Open connections of callers, in no order that matters.
    private(set) var clients: [ProxyClient] = []
    private(set) var pools: [UpstreamPool] = []
    /// The version of the snapshot that was in use before.
    private var highestVersion: UInt64 = 0
    private var former: Snapshot?

    init(world: World, number: Int, seed: UInt64, of loops: Int) {
        self.world = world
        self.number = number
        // Calendar time is of no consequence here; any will do.
        shard = Shard(seed: seed, wallOffset: 1_700_000_000_000_000_000, loops: loops)
        shard.callers.world = .simulated
        if world.options.checkEvery == 0 { shard.recorder.stop() }
    }

    /// Who waits at turnstiles, by ticket.
    var waiting: [UInt64: ProxyClient] = [:]
    private var isCalling = false

    /// Tells whoever the turnstiles called.
    func heedTurnstiles(at now: Instant) {
        if isCalling { return }
        isCalling = true
        defer { isCalling = false }
        while !shard.turnstiles.calls.isEmpty {
            for call in shard.turnstiles.takeCalls() {
                waiting[call.ticket]?.called(call.isLetIn ? .letIn : .turnedAway, at: now)
            }
        }
    }

    /// Starts what must happen even when no request comes.
    func start(at now: Instant) { maintainLater(at: now) }

    private func maintainLater(at now: Instant) {
        world.schedule(at: now + Limits.maintenance) { [self] now in
            guard !world.isOver else { return }
            shard.maintain(at: now)
            shard.turnstiles.tick(at: now)
            heedTurnstiles(at: now)
            for pool in pools { pool.prune(at: now) }
            maintainLater(at: now)
        }
    }

    /// Takes a snapshot for all exchanges that begin from now on.
    func adopt(_ next: Snapshot, portIndex: [Int], at now: Instant) {
        var snapshot = next
        if world.options.sabotage == .adoptsBackwards, let former { snapshot = former }
        former = shard.snapshot
        if snapshot.version <= highestVersion {
            world.breach(
                "versions rise",
                "version \(snapshot.version) came into use after \(highestVersion)")
        }
        highestVersion = max(highestVersion, snapshot.version)
        let none = Array(repeating: nil as Secret<[UInt8]>?, count: snapshot.backends.count)
        let credentials = snapshot.backends.indices.map { index in
            snapshot.backends[index].credential == nil
                ? none[index] : Secret(Array("sim-secret".utf8))
        }
        shard.adopt(snapshot, credentials: credentials, at: now)
        headLimits.headBytesMax = snapshot.limits.headBytesMax
        headLimits.fieldCountMax = snapshot.limits.fieldCountMax
        self.portIndex = portIndex
        for client in clients { client.portsChanged(at: now) }
    }

    /// Tells the other loops which servers asked to be left alone, by message.
    func shareCoolDowns(at now: Instant) {
        guard shard.fleet.hasNews else { return }
        let news = shard.fleet.takeNews()
        for other in world.proxy.loops where other !== self {
            world.schedule(at: now + Limits.message) { now in
                for coolDown in news { other.shard.fleet.adopt(coolDown, at: now) }
            }
        }
    }

    /// The mistake `forgetsSettlement`.
    func forgetSettlement(at now: Instant) {
        guard !shard.snapshot.usageLimits.isEmpty else { return }
        shard.ledger.begin()
        shard.ledger.ask(0, for: 1, at: now)
        _ = shard.ledger.decide(at: now)
    }

    /// The mistake `losesLabels`: an endpoint of the last backend, whatever the request carries.
    func pickWithoutLabels(at now: Instant) -> EndpointID? {
        let last = BackendID(shard.snapshot.backends.count - 1)
        var random = shard.random
        return shard.fleet.pick(
            backend: last, carrying: .nothing, hash: nil, tried: Tried(), using: &random,
            at: now)?.endpoint
    }

    // MARK: Connections

    /// A connection of a caller was opened.
    func enter(_ client: ProxyClient) {
        client.place = clients.count
        clients.append(client)
    }

    /// One was closed.
    func leave(_ client: ProxyClient) {
        guard client.place >= 0, let last = clients.popLast() else { return }
        if last !== client {
            clients[client.place] = last
            last.place = client.place
        }
        client.place = -1
    }

    /// The pool of an endpoint slot.
    func pool(_ slot: EndpointSlot, at now: Instant) -> UpstreamPool {
        let index = Int(slot.index)
        while pools.count <= index { pools.append(UpstreamPool()) }
        let pool = pools[index]
        if pool.slot != slot { pool.restart(for: slot, at: now) }
        return pool
    }

    /// The pool that `slot` still has, or nil when the place belongs to another endpoint by now.
    func presentPool(_ slot: EndpointSlot) -> UpstreamPool? {
        let index = Int(slot.index)
        return index < pools.count && pools[index].slot == slot ? pools[index] : nil
    }

    /// Keeps a connection as the backend's policy says, if its endpoint is still there.
    func keep(_ upstream: ProxyUpstream, policy backend: Backend, at now: Instant) {
        guard let pool = presentPool(upstream.slot) else {
            upstream.close(at: now)
            return
        }
        pool.keep(
            upstream, max: backend.connections.idleMax,
            until: now + backend.connections.idleTimeout, at: now)
    }

    /// Opens a connection to `authority` and hands it, or nil, to `done`.
    func connect(
        to authority: String, slot: EndpointSlot, timeout: Nanoseconds, at now: Instant,
        done: @escaping (ProxyUpstream?, Instant) -> Void
    ) {
        world.connect(to: authority, timeout: timeout, at: now) { [self] socket, now in
            guard let socket else {
                done(nil, now)
                return
            }
            shard.metrics.mesh.upstreamOpened += 1
            let upstream = ProxyUpstream(loop: self, socket: socket, slot: slot)
            socket.handler = upstream
            done(upstream, now)
        }
    }

    // MARK: Policy engines

    /// Questions that are on their way.
    var questions = 0

    /// Performs `order` for an exchange of `asked`; `done` is called once, later, unless the call
    /// is cancelled before.
    func ask(
        _ order: EngineOrder, of asked: Snapshot, at now: Instant,
        done: @escaping (EngineOutcome, Instant) -> Void
    ) -> PolicyCall {
        let call = PolicyCall(self, done: done)
        let (question, pick) = (order.question, order.pick)
        shard.beginQuestion(pick, of: asked, at: now)
        questions += 1
        call.settle = { [self] outcome, now in
            questions -= 1
            switch outcome {
            case .answered?: shard.endQuestion(pick, .success, at: now)
            case .failed?: shard.endQuestion(pick, .failure, at: now)
            case nil: shard.endQuestion(pick, .cancelled, at: now)
            }
        }
        world.schedule(at: now + question.engine.timeout) { now in
            call.finish(.failed(.timeout), at: now)
        }
        if let (after, outcome) = world.policyAnswer(to: question) {
            world.schedule(at: now + after) { [world] now in
                if call.isOpen { world.policyAnswered(question, outcome, at: now) }
                call.finish(outcome, at: now)
            }
        }
        return call
    }

    // MARK: End

    /// Begins to stop: idle connections close now, the others with their present answer.
    func drain(at now: Instant) {
        shard.isDraining = true
        for client in clients { client.drain(at: now) }
    }

    /// Ends whatever is left.
    func abortAll(at now: Instant) {
        for client in clients { client.abort(at: now) }
        for pool in pools { pool.closeAll(at: now) }
    }

    /// Lets go of everything.
    func dissolve() {
        clients = []
        waiting = [:]
        pools = []
    }
}
