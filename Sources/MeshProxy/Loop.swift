// SPDX-License-Identifier: Apache-2.0

import CLinux
import MeshBasics
import MeshExchange
import MeshLimits
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire
import Synchronization

/// Everything that the connections of one event loop share: the shard, the pools of upstream
/// connections, scratch buffers, the timer wheel. Touched on its event loop only.
///
/// Sendable only so that it can be handed to its event loop; nothing but that loop touches it.
final class Loop: @unchecked Sendable {
    let sockets: SocketLoop
    /// All decision state.
    var shard: Shard
    let wheel: Wheel
    /// Limits of heads in the present snapshot.
    var headLimits = HeadLimits()
    /// Index into `snapshot.ports` by listening socket number; -1 when it is no longer listed.
    var portIndex: [Int] = []
    /// Open client connections, for draining.
    var clients: [ObjectIdentifier: ClientHandler] = [:]
    /// Open client connections of HTTP/2.
    var sessions: [ObjectIdentifier: HTTP2ServerSession] = [:]
    /// The client connections of all loops.
    let connections: ConnectionCount
    private let report: @Sendable (String) -> Void
    /// Has keys fetched; `keysSettled` tells when.
    private let wantKeys: @Sendable (String) -> Void
    /// What goes on once keys are settled, by what they are called.
    private var keyWaiters: [String: [() -> Void]] = [:]
    private let record: @Sendable ([ExchangeRecording]) -> Bool

    /// Payload that replaces what an upstream sent.
    var piece: [UInt8] = []
    /// Payload ranges of the read being relayed.
    var ranges: [ByteRange] = []
    /// The fields of the request of HTTP/2 that is being read.
    var fields = RequestFields()

    /// What all loops use together.
    let board: PressureBoard
    /// Its number among the loops.
    let number: Int
    /// Its listening sockets that accept.
    var listeners: [ObjectIdentifier: Listener] = [:]
    /// What it does while the process is short of something.
    var relief = Relief()
    /// Who waits at turnstiles, by ticket.
    var waiting: [UInt64: ClientHandler] = [:]
    private var isCalling = false

    /// Access lines not handed over yet.
    var logLines: [UInt8] = []
    /// How many of them hold a receipt.
    private var logReceipts = 0
    let log: AccessLog
    private var logWriter = AccessLogWriter()

    /// Questions to policy engines.
    private(set) lazy var engines = EngineCalls(loop: self, checks: checks)
    private let checks: (any CheckClient)?

    private var pools: [UpstreamPool] = []
    private var addresses: [InternetAddress?] = []
    private var tls: [UpstreamTLS: UpstreamSecurity] = [:]
    /// Those of the snapshot before, for exchanges that began with it.
    private var previousTLS: [UpstreamTLS: UpstreamSecurity] = [:]
    /// TLS by port and listener of the present snapshot; empty when no port is encrypted.
    private var securities: [[ListenerSecurity?]] = []
    private var drained: ((Bool) -> Void)?

    init(
        sockets: SocketLoop, number: Int, board: PressureBoard, seed: UInt64, loops: Int,
        log: AccessLog,
        connections: ConnectionCount, checks: (any CheckClient)?,
        report: @escaping @Sendable (String) -> Void,
        record: @escaping @Sendable ([ExchangeRecording]) -> Bool,
        wantKeys: @escaping @Sendable (String) -> Void
    ) {
        self.wantKeys = wantKeys
        self.number = number
        self.board = board
        self.connections = connections
        self.checks = checks
        self.report = report
        self.record = record
        self.sockets = sockets
        self.log = log
        let now = LiveWorld.now()
        shard = Shard(seed: seed, wallOffset: LiveWorld.wallOffset(), loops: loops)
        wheel = Wheel(sockets: sockets, at: now)
    }

    /// The time of the present event.
    var now: Instant { sockets.now }

    /// Starts what must happen even when no request comes.
    func start() {
        sockets.repeat(every: .milliseconds(250)) { [unowned self] in maintain(at: now) }
    }

    /// Takes a snapshot for all exchanges that begin from now on.
    func adopt(_ publication: Publication) {
        let snapshot = publication.snapshot
        let now = now
        shard.wallOffset = LiveWorld.wallOffset()
        shard.adopt(snapshot, credentials: publication.credentials, at: now)
        headLimits.headBytesMax = snapshot.limits.headBytesMax
        headLimits.fieldCountMax = snapshot.limits.fieldCountMax
        connections.setMost(snapshot.limits.connectionsMax)
        if number == 0 {
            board.setMost(
                memory: snapshot.limits.memoryBytesMax, buffered: snapshot.limits.waitingBytesMax)
        }
        portIndex = publication.portIndex
        addresses = Array(repeating: nil, count: snapshot.endpoints.count)
        previousTLS = tls
        tls = publication.tls
        securities = publication.securities
        engines.closeIdle()
        for client in clients.values { client.portsChanged() }
        for session in sessions.values { session.portsChanged() }
    }

    /// Index of a listening socket's port in the present snapshot, -1 when the port is gone.
    func port(ofSocket socket: Int) -> Int {
        socket < portIndex.count ? portIndex[socket] : -1
    }

    /// Takes certificates that changed into use, for connections that are made from now on.
    func adopt(
        _ securities: [[ListenerSecurity?]], _ upstreams: [UpstreamTLS: UpstreamSecurity]
    ) {
        self.securities = securities
        tls = upstreams
    }

    /// Whether the port at `index` is encrypted.
    func isSecured(port index: Int) -> Bool {
        securities.indices.contains(index)
            && shard.snapshot.ports[index].speech == .https
    }

    /// TLS of the listener at the port `index` that is for the host `name`; nil when none is.
    func security(ofPort index: Int, for name: [UInt8]) -> ListenerSecurity? {
        guard isSecured(port: index),
            let listener = shard.snapshot.ports[index].listener(for: name.span.bytes)
        else { return nil }
        return securities[index][listener]
    }

    /// The address of an endpoint of the present snapshot, parsed once.
    func address(of endpoint: Endpoint, id: EndpointID, in snapshot: Snapshot) -> InternetAddress? {
        let isPresent = snapshot === shard.snapshot
        if isPresent, let known = addresses[Int(id)] { return known }
        let made = InternetAddress(endpoint.address, port: endpoint.port)
        if isPresent { addresses[Int(id)] = made }
        return made
    }

    /// TLS by these settings, of the present snapshot or the one before it.
    func security(for settings: UpstreamTLS) -> UpstreamSecurity? {
        tls[settings] ?? previousTLS[settings]
    }

    /// The pool of an endpoint slot.
    func pool(_ slot: EndpointSlot) -> UpstreamPool {
        let index = Int(slot.index)
        while pools.count <= index { pools.append(UpstreamPool()) }
        let pool = pools[index]
        if !pool.serves(slot) { pool.restart(for: slot) }
        return pool
    }

    /// The pool that `slot` still has, or nil when the place belongs to another endpoint by now.
    func presentPool(_ slot: EndpointSlot) -> UpstreamPool? {
        let index = Int(slot.index)
        return index < pools.count && pools[index].serves(slot) ? pools[index] : nil
    }

    /// Does `then` once the keys called `material` were fetched, or could not be. There are never
    /// more that wait than there are requests at once.
    func awaitKeys(_ material: String, then: @escaping () -> Void) {
        let isFirst = keyWaiters[material] == nil
        keyWaiters[material, default: []].append(then)
        if isFirst { wantKeys(material) }
    }

    /// The keys called `material` are as good as they get.
    func keysSettled(_ material: String) {
        for then in keyWaiters.removeValue(forKey: material) ?? [] { then() }
    }

    /// Puts the record of a finished exchange into the log. `bytes` are those of `head`, or
    /// none when no head was read.
    func log(
        _ record: borrowing ExchangeRecord, _ head: borrowing RequestHead, _ bytes: RawSpan,
        client: [UInt8], requestID: [UInt8], logsQuery: Bool
    ) {
        let hasHead = bytes.byteCount > 0
        let none = ByteRange.empty
        let path = hasHead ? head.pathRange : none
        let query = hasHead && logsQuery ? head.queryRange : none
        var agent = none
        if hasHead, let field = head.first(.userAgent) { agent = field.valueRange }
        logWriter.append(
            record, method: bytes.extracting((hasHead ? head.methodRange : none).range),
            host: bytes.extracting((hasHead ? head.hostRange : none).range),
            path: bytes.extracting(path.range), query: bytes.extracting(query.range),
            client: client.span.bytes,
            userAgent: bytes.extracting(agent.range),
            requestID: requestID.span.bytes, to: &logLines)
        if record.residency != nil { logReceipts += 1 }
        if logLines.count >= 64 * 1024 { flushLog() }
    }

    /// Puts what came of comparing two answers into the log.
    func logComparison(_ finding: MirrorFinding) {
        MirrorLine.append(
            finding.pair, gap: finding.gap, of: finding.ticket.labels,
            request: finding.ticket.request, trace: finding.ticket.trace,
            at: finding.ticket.orderedAt, to: &logLines)
        if logLines.count >= 64 * 1024 { flushLog() }
    }

    func flushLog() {
        guard !logLines.isEmpty else { return }
        let lines = logLines
        logLines = []
        logLines.reserveCapacity(min(lines.capacity, 80 * 1024))
        let receipts = logReceipts
        logReceipts = 0
        let isTaken = log.submit(lines, receipts: receipts)
        if !shard.snapshot.residency.isEmpty {
            shard.keepsReceipts = log.keepsReceipts
            if !isTaken { shard.metrics.mesh.receiptsDropped += UInt64(receipts) }
        }
        if !isTaken {
            let count = lines.reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
            shard.metrics.mesh.accessLogDropped += UInt64(count)
        }
    }

    private func flushRecordings() {
        let fresh = shard.recorder.takeFresh()
        if !fresh.isEmpty, !record(fresh) {
            shard.metrics.mesh.recordingsDropped += UInt64(fresh.count)
        }
    }

    /// A copy of what was counted here.
    func metrics() -> ShardMetrics {
        shard.refreshGauges(at: now)
        var copy = shard.metrics
        let busy = sessions.values.reduce(0) { $0 + ($1.isBusy ? 1 : 0) }
        copy.mesh.downstreamActive = Int64(clients.count) - Int64(idleClients) + Int64(busy)
        copy.mesh.downstreamIdle = Int64(idleClients) + Int64(sessions.count - busy)
        copy.mesh.upstreamIdle = Int64(idleUpstreams)
        copy.mesh.upstreamActive = Int64(activeUpstreams)
        return copy
    }

    /// Tells the operator of something that no metric can say, once in a few seconds at most.
    func note(_ text: String) {
        guard now >= nextNote else { return }
        nextNote = now + .seconds(5)
        report(text)
    }

    /// Tells the other loops which servers asked to be left alone.
    var tellCoolDowns: ([CoolDown]) -> Void = { _ in }

    /// Does so when there is anything new.
    func shareCoolDowns() {
        guard shard.fleet.hasNews else { return }
        tellCoolDowns(shard.fleet.takeNews())
    }

    private var nextNote = Instant(nanoseconds: 0)

    /// Tells whoever the turnstiles called, if anybody.
    @inline(__always)
    func heedTurnstiles() { if !shard.turnstiles.calls.isEmpty { answerTurnstileCalls() } }

    private func answerTurnstileCalls() {
        // What one of them does may let in the next: it is told from here as well.
        if isCalling { return }
        isCalling = true
        defer { isCalling = false }
        while !shard.turnstiles.calls.isEmpty {
            for call in shard.turnstiles.takeCalls() {
                waiting[call.ticket]?.called(call.isLetIn ? .letIn : .turnedAway)
            }
        }
    }

    /// Clients between two requests.
    var idleClients = 0
    /// Mirrored copies on their way, and their bytes.
    var mirrorsInFlight = 0
    var mirrorBytes = 0
    /// Upstream connections that serve an exchange.
    var activeUpstreams = 0
    /// Upstream connections that wait for one.
    var idleUpstreams: Int { pools.reduce(0) { $0 + $1.count } }

    /// Whether connections may stay idle while the loop stops, until they are used once more.
    private(set) var sparesIdle = false

    /// Begins to stop: idle connections close now, unless it `sparesIdle`, the others with their
    /// present answer. `done` is called once none is left, or `limit` has passed: with false then.
    func drain(
        within limit: Nanoseconds, sparesIdle: Bool, done: @escaping (Bool) -> Void
    ) {
        shard.isDraining = true
        self.sparesIdle = sparesIdle
        drained = done
        if !sparesIdle { for client in Array(clients.values) { client.drain() } }
        for session in Array(sessions.values) { session.drain() }
        checkDrained()
        sockets.schedule(at: now + limit) { [self] in endDraining(false) }
    }

    /// While it stops: spares nothing any more, and ends after `limit`.
    func hurry(within limit: Nanoseconds) {
        guard shard.isDraining else { return }
        sparesIdle = false
        for client in Array(clients.values) { client.drain() }
        checkDrained()
        sockets.schedule(at: now + limit) { [self] in endDraining(false) }
    }

    /// Closes whatever is left.
    func abortAll() {
        for client in Array(clients.values) { client.abort() }
        for session in Array(sessions.values) { session.abort() }
        for pool in pools { pool.closeAll() }
        engines.closeIdle()
        flushLog()
        flushRecordings()
    }

    func clientClosed(_ client: ClientHandler) {
        clients.removeValue(forKey: ObjectIdentifier(client))
        checkDrained()
    }

    func sessionClosed(_ session: HTTP2ServerSession) {
        sessions.removeValue(forKey: ObjectIdentifier(session))
        checkDrained()
    }

    private func checkDrained() {
        if clients.isEmpty, sessions.isEmpty { endDraining(true) }
    }

    private func endDraining(_ isClean: Bool) {
        guard let drained else { return }
        self.drained = nil
        flushLog()
        drained(isClean)
    }

    private func maintain(at now: Instant) {
        // Tokens expire by the calendar, which may be set while the process runs.
        shard.wallOffset = LiveWorld.wallOffset()
        shard.maintain(at: now)
        shard.turnstiles.tick(at: now)
        heedTurnstiles()
        relieve()
        for pool in pools { pool.prune(at: now) }
        engines.prune(at: now)
        for session in Array(sessions.values) { session.maintain(at: now) }
        flushLog()
        flushRecordings()
        if shard.output.capacity > 256 * 1024 { shard.output = [] }
        if piece.capacity > 256 * 1024 { piece = [] }
        returnMemory(at: now)
    }

    /// Gives memory back to the system once most connections of a burst are gone: the allocator
    /// keeps it otherwise, in case of another one. And again a little later, for the last ones.
    private func returnMemory(at now: Instant) {
        clientsMost = max(clientsMost, clients.count)
        if clientsMost >= Self.burst, clients.count < clientsMost / 4 {
            clientsMost = clients.count
            clients = Dictionary(uniqueKeysWithValues: clients.map { ($0, $1) })
            returns = Self.returns.map { now + $0 }
        }
        guard let next = returns.first, next <= now else { return }
        returns.removeFirst()
        for pool in pools { pool.trim(to: max(clients.count, Self.idleAfterBurst)) }
        sockets.blocks.shrink()
        malloc_trim(0)
    }

    /// The most clients since memory was given back.
    private var clientsMost = 0
    /// When memory is given back next.
    private var returns: [Instant] = []
    /// When memory is given back after a burst.
    private static let returns: [Nanoseconds] = [.zero, .seconds(2), .seconds(10)]
    /// As many idle connections to an endpoint stay in any case.
    private static let idleAfterBurst = 8
    /// Fewer clients than these are no burst.
    private static let burst = 256
}

/// One snapshot with everything that a loop needs beside it, made once for all loops.
struct Publication: Sendable {
    var snapshot: Snapshot
    var credentials: [Secret<[UInt8]>?]
    var tls: [UpstreamTLS: UpstreamSecurity]
    /// TLS by port and listener; empty when no port is encrypted.
    var securities: [[ListenerSecurity?]]
    var portIndex: [Int]
}

/// Counts the client connections of all loops; touched when one opens or closes.
final class ConnectionCount: Sendable {
    private let open = Atomic<Int>(0)
    private let most = Atomic<Int>(100_000)

    /// Counts one more; false when there are more than allowed. It must be given back either way.
    func take() -> Bool {
        let now = open.wrappingAdd(1, ordering: .relaxed).newValue
        return now <= most.load(ordering: .relaxed)
    }

    /// One was closed.
    func giveBack() { open.wrappingSubtract(1, ordering: .relaxed) }

    /// How many are allowed.
    func setMost(_ count: Int) { most.store(count, ordering: .relaxed) }
}
