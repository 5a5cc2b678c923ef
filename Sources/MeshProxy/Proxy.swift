// SPDX-License-Identifier: Apache-2.0

import Glibc
package import MeshBasics
package import MeshExchange
package import MeshLimits
package import MeshRouting
package import MeshSnapshot
package import MeshTelemetry

/// The data plane: listening sockets, one `Loop` for each thread, and the snapshot in use.
///
/// Event loops share nothing on the path of a request. What concerns all of them (a new
/// snapshot, the health of an endpoint, a scrape) is sent to each as a message by this actor.
package actor Proxy {
    let loops: [Loop]
    private let board: PressureBoard
    private let log: AccessLog
    private let checker: HealthChecker
    private var listeners: [ListenKey: Listening] = [:]
    /// Ports on which other proxies ask over gRPC.
    private var checkListeners: [ListenKey: OpenCheck] = [:]
    private var listened = 0
    private var isStopping = false
    /// Reads the value of a credential; nil when there is none.
    private let readCredential: @Sendable (Credential.Source) -> Secret<[UInt8]>?
    /// Asks policy engines over gRPC.
    private let checks: (any CheckClient)?
    /// Takes questions of other proxies over gRPC.
    let checkServer: (any CheckServer)?
    /// The snapshot in use.
    package private(set) var snapshot = Snapshot.empty

    /// Sockets of a former process that no port was opened with yet.
    private var handed: [HandedSocket]
    /// Whether connections are accepted: at once, unless a former process still does.
    private var isAccepting: Bool
    /// Whether another process has taken over.
    private var isReplaced = false

    /// Every open listening socket of the loops with its place.
    var openListeners: [(key: ListenKey, sockets: [Listener])] {
        listeners.map { ($0.key, $0.value.sockets) }
    }

    /// Every other open listening socket with its place.
    var openCheckSockets: [(key: ListenKey, descriptor: Int32)] {
        checkListeners.map { ($0.key, $0.value.descriptor) }
    }

    /// The sockets that listen on `port` of `address` in a former process, each with the loop that
    /// takes it over; none when there are none.
    ///
    /// With more loops than there were some of them listen together, with fewer one listens on
    /// several: every socket must be listened on, or what the kernel puts into its queue is lost.
    func takeHanded(address: String, port: UInt16) -> [(loop: Loop, descriptor: Int32)] {
        let found = handed.filter { $0.address == address && $0.port == port }.map(\.descriptor)
        handed.removeAll { $0.address == address && $0.port == port }
        guard !found.isEmpty else { return [] }
        return (0..<max(found.count, loops.count)).map { number in
            let loop = loops[number % loops.count]
            if number < found.count {
                _ = fcntl(found[number], F_SETFD, FD_CLOEXEC)
                return (loop, found[number])
            }
            return (loop, fcntl(found[number % found.count], F_DUPFD_CLOEXEC, 3))
        }
    }

    /// Accepts from now on, on every port of the present snapshot. To be called once of a proxy
    /// that was `handed` the sockets of a former process, which accepts on them until then; those
    /// that this configuration has no use for are closed.
    package func beginAccepting() {
        guard !isAccepting, !isStopping else { return }
        isAccepting = true
        for socket in handed { Glibc.close(socket.descriptor) }
        handed = []
        startAccepting(listeners.values.flatMap(\.sockets))
    }

    /// Reads a value of a Secret of the snapshot in use, by the Secret's name and the value's.
    private var readSecret: @Sendable (String, String) -> Secret<[UInt8]>? = { _, _ in nil }
    /// The certificates that listeners show.
    private var certificates = CertificateBook()
    private let report: @Sendable (String) -> Void
    /// Credential values by backend of the snapshot in use.
    private var credentials: [Secret<[UInt8]>?] = []

    struct ListenKey: Hashable {
        var address: String
        var port: UInt16
    }

    private struct Listening {
        /// The number that connections accepted on it carry.
        var number: Int
        var sockets: [Listener]
    }

    /// A proxy with `loopCount` event loops that does not listen yet.
    ///
    /// **Shape** `seed` decides every draw of chance; `readCredential` may block on a file;
    /// `report` gets what an operator should read, `record` what was recorded for a file;
    /// `wantKeys` has the keys of that name fetched and calls `keysSettled` in the end; `checks`
    /// asks policy engines over gRPC, which are unreachable without it, and `checkServer` is asked
    /// by other proxies, without which no such port can be opened; where sockets are `handed` over
    /// by a former process, nothing is accepted before `beginAccepting`.
    ///
    /// **Errors** when the system has no more threads' worth of descriptors.
    package init(
        loopCount: Int, seed: UInt64,
        readCredential: @escaping @Sendable (Credential.Source) -> Secret<[UInt8]>?,
        checks: (any CheckClient)? = nil, checkServer: (any CheckServer)? = nil,
        report: @escaping @Sendable (String) -> Void,
        record: @escaping @Sendable ([ExchangeRecording]) -> Bool = { _ in true },
        wantKeys: @escaping @Sendable (String) -> Void = { _ in },
        handed: [HandedSocket] = []
    ) throws {
        self.handed = handed
        isAccepting = handed.isEmpty
        self.readCredential = readCredential
        self.report = report
        self.checks = checks
        self.checkServer = checkServer
        let log = AccessLog()
        self.log = log
        var random = SplitMix64(seed: seed)
        let connections = ConnectionCount()
        var loops: [Loop] = []
        let board = PressureBoard(loops: max(1, loopCount))
        for number in 0..<max(1, loopCount) {
            loops.append(
                Loop(
                    sockets: try SocketLoop(), number: number, board: board,
                    seed: random.next(), loops: max(1, loopCount),
                    log: log, connections: connections, checks: checks, report: report,
                    record: record, wantKeys: wantKeys))
        }
        self.loops = loops
        self.board = board
        let all = loops
        checker = HealthChecker(loop: loops[0], seed: random.next()) {
            backend, authority, isHealthy in
            for loop in all {
                loop.sockets.execute {
                    loop.shard.fleet.setHealth(
                        backend: backend, authority: authority, healthy: isHealthy, at: loop.now)
                }
            }
        }
        for loop in loops {
            loop.tellCoolDowns = { news in
                for other in all where other !== loop {
                    other.sockets.execute {
                        for coolDown in news {
                            other.shard.fleet.adopt(coolDown, at: other.now)
                        }
                    }
                }
            }
            loop.sockets.start()
            loop.sockets.execute { loop.start() }
        }
    }

    /// Takes `next` into use: opens new ports, hands it to every loop, closes ports that are no
    /// longer listed. Requests that run keep the snapshot they began with.
    ///
    /// **Shape** `secret` answers the value of a Secret by the Secret's name and the value's.
    /// **Errors** when a port cannot be opened or a TLS file not be read; nothing changes then.
    package func publish(
        _ next: Snapshot,
        secret: @escaping @Sendable (String, String) -> Secret<[UInt8]>? = { _, _ in nil }
    ) async throws {
        if isReplaced { return }
        var certificates = certificates
        do {
            try certificates.prepare(
                next.ports.flatMap(\.listeners).compactMap(\.tls), next.backends, secret,
                report: report)
        } catch {
            throw ProxyError(description: "\(error)")
        }
        let credentials = credentials(of: next, secret)
        var opened: [(ListenKey, Listening)] = []
        let openedChecks = try await openChecks(of: next)
        for port in next.ports where port.speech != .extAuthzGRPC {
            let key = ListenKey(address: port.address, port: port.number)
            guard listeners[key] == nil else { continue }
            let number = listened + opened.count
            do {
                let sockets = try listen(
                    address: key.address, port: key.port, number: number, loops: loops)
                opened.append((key, Listening(number: number, sockets: sockets)))
            } catch {
                for (_, listening) in opened { await close(listening.sockets) }
                for (_, check) in openedChecks { await check.listener.close() }
                throw error
            }
        }
        listened += opened.count
        for (key, listening) in opened { listeners[key] = listening }
        for (key, check) in openedChecks { checkListeners[key] = check }

        var portIndex = Array(repeating: -1, count: listened)
        for (index, port) in next.ports.enumerated() {
            let key = ListenKey(address: port.address, port: port.number)
            if let listening = listeners[key] { portIndex[listening.number] = index }
        }
        let publication = Publication(
            snapshot: next, credentials: credentials, tls: certificates.upstreams,
            securities: Self.securities(of: next, certificates), portIndex: portIndex)
        log.direct(to: next.telemetry.accessLog)
        // All loops at once: requests on two connections should not differ for long.
        await withTaskGroup { group in
            for loop in loops {
                group.addTask { await loop.sockets.run { loop.adopt(publication) } }
            }
        }
        let checker = checker
        await loops[0].sockets.run { checker.adopt(publication) }
        snapshot = next
        self.credentials = credentials
        self.certificates = certificates
        readSecret = secret
        checks?.keepOnly(Self.checkPlaces(of: next))
        await closeUnlisted(in: next)
        if opened.isEmpty || !isAccepting { return }
        startAccepting(opened.flatMap { $0.1.sockets })
    }

    /// Closes the ports that are not in `next`.
    private func closeUnlisted(in next: Snapshot) async {
        let kept = Set(
            next.ports.filter { $0.speech != .extAuthzGRPC }
                .map { ListenKey(address: $0.address, port: $0.number) })
        for (key, listening) in listeners where !kept.contains(key) {
            await close(listening.sockets)
            listeners[key] = nil
        }
        for (key, check) in checkListeners where !Self.isAsked(key, in: next) {
            checkListeners[key] = nil
            await check.listener.close()
        }
    }

    /// Reads all credentials again and hands those that changed to every loop. Requests that run
    /// go on with what they began with.
    package func refreshCredentials() async {
        let fresh = credentials(of: snapshot, readSecret)
        guard fresh != credentials else { return }
        credentials = fresh
        let version = snapshot.version
        for loop in loops {
            await loop.sockets.run {
                if loop.shard.snapshot.version == version { loop.shard.adopt(credentials: fresh) }
            }
        }
    }

    /// Reads certificates, keys and authorities again, and takes those that changed into use for
    /// connections that are made from now on. What cannot be used changes nothing; it is reported
    /// unless `isPatient`. Answers whether all could be used.
    package func refreshCertificates(isPatient: Bool) async -> Bool {
        let (isNew, isFaulty) = certificates.refresh(
            readSecret, isPatient: isPatient, report: report)
        guard isNew else { return !isFaulty }
        let securities = Self.securities(of: snapshot, certificates)
        let upstreams = certificates.upstreams
        let version = snapshot.version
        for loop in loops {
            await loop.sockets.run {
                if loop.shard.snapshot.version == version { loop.adopt(securities, upstreams) }
            }
        }
        let checker = checker
        await loops[0].sockets.run { checker.adopt(upstreams, of: version) }
        return !isFaulty
    }

    /// How the certificates of listeners stand: what they are called and when each ends.
    package var certificateEnds: [(label: String, expires: WallTime)] {
        var ends: [String: WallTime] = [:]
        for (tls, security) in certificates.securities {
            ends[tls.certificate.label] = security.expires
        }
        return ends.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// How often certificates that changed could not be used.
    package var certificateFailures: UInt64 { certificates.failures }

    private static func securities(
        of snapshot: Snapshot, _ certificates: CertificateBook
    ) -> [[ListenerSecurity?]] {
        guard snapshot.ports.contains(where: { $0.speech == .https }) else { return [] }
        return snapshot.ports.map { port in
            port.listeners.map { $0.tls.flatMap { certificates.securities[$0] } }
        }
    }

    /// Hands `material` to every loop, for the IdentityProviders that know it as `name`.
    package func adopt(_ material: IdentityMaterial, as name: String) async {
        for loop in loops {
            await loop.sockets.run { loop.shard.callers.adopt(material, as: name) }
        }
    }

    /// The keys called `name` are as good as they get: whoever waits for them goes on.
    package func keysSettled(_ name: String) async {
        for loop in loops { await loop.sockets.run { loop.keysSettled(name) } }
    }

    /// Opens the ports of `next` on which other proxies ask over gRPC and that are not open yet.
    private func openChecks(
        of next: Snapshot
    ) async throws -> [(ListenKey, OpenCheck)] {
        var opened: [(ListenKey, OpenCheck)] = []
        for port in next.ports where port.speech == .extAuthzGRPC {
            let key = ListenKey(address: port.address, port: port.number)
            guard checkListeners[key] == nil else { continue }
            do {
                opened.append(
                    (key, try await openCheck(address: key.address, port: key.port)))
            } catch {
                for (_, check) in opened { await check.listener.close() }
                throw error
            }
        }
        return opened
    }

    private static func isAsked(_ key: ListenKey, in snapshot: Snapshot) -> Bool {
        snapshot.ports.contains {
            $0.speech == .extAuthzGRPC && $0.address == key.address && $0.number == key.port
        }
    }

    /// What all loops counted, merged.
    package func metrics() async -> ShardMetrics {
        var merged = ShardMetrics()
        for loop in loops {
            merged.merge(await loop.sockets.run { loop.metrics() })
        }
        return merged
    }

    /// What the arms of rollouts did, as each loop counted it.
    package func armCounts() async -> [[(labels: ArmLabels, counts: ArmCounts)]] {
        var all: [[(labels: ArmLabels, counts: ArmCounts)]] = []
        for loop in loops {
            all.append(await loop.sockets.run { loop.shard.metrics.armCounts })
        }
        return all
    }

    /// The exchanges that are recorded, the oldest first; those that `id` names, or all.
    package func recordings(named id: String? = nil) async -> [ExchangeRecording] {
        var all: [ExchangeRecording] = []
        for loop in loops {
            all += await loop.sockets.run {
                id.map { loop.shard.recorder.recordings(named: $0) } ?? loop.shard.recorder.all
            }
        }
        return all.sorted { $0.startedNanoseconds < $1.startedNanoseconds }
    }

    /// How the endpoints are, as each loop sees them.
    package func endpoints() async -> [[BackendStatistics]] {
        var all: [[BackendStatistics]] = []
        for loop in loops {
            all.append(await loop.sockets.run { loop.shard.fleet.statistics(at: loop.now) })
        }
        return all
    }

    /// How the limits stand, as each loop sees its share.
    package func limits() async -> [[LimitStatistics]] {
        var all: [[LimitStatistics]] = []
        for loop in loops {
            all.append(
                await loop.sockets.run { loop.shard.ledger.statistics(at: loop.now) })
        }
        return all
    }

    /// How short the process is of what it cannot do without.
    package nonisolated var pressure: Pressure { board.pressure }

    /// How the turnstiles of backends stand, as each loop sees its own.
    package func turnstiles() async -> [[TurnstileStatistics]] {
        var all: [[TurnstileStatistics]] = []
        for loop in loops {
            all.append(await loop.sockets.run { loop.shard.turnstiles.statistics })
        }
        return all
    }

    /// Another process accepts on the same sockets: this one does not any more, and takes no
    /// further snapshot. What it serves goes on until `drain`.
    package func stopAccepting() async {
        isReplaced = true
        let open = listeners.values
        listeners = [:]
        for listening in open { await close(listening.sockets) }
    }

    /// Stops: accepts nothing more, lets running exchanges end until `timeout` has passed, then
    /// closes what is left. Answers whether every exchange ended by itself.
    ///
    /// Idle connections are closed at once; with `sparesIdle` they may send one request more, so
    /// that none is lost that is on its way, and close when they have been idle for too long.
    package func drain(timeout: Nanoseconds, sparesIdle: Bool = false) async -> Bool {
        guard !isStopping else { return true }
        isStopping = true
        for listening in listeners.values { await close(listening.sockets) }
        listeners = [:]
        let open = checkListeners.values
        checkListeners = [:]
        for check in open { await check.listener.close() }
        let isClean = await waitUntilDrained(timeout, sparesIdle)
        let checker = checker
        await loops[0].sockets.run { checker.stop() }
        for loop in loops { await loop.sockets.run { loop.abortAll() } }
        await checks?.stop()
        log.stop()
        for loop in loops {
            await withCheckedContinuation { ended in loop.sockets.stop { ended.resume() } }
        }
        return isClean
    }

    /// While it drains: closes idle connections now, and what is left when `timeout` has passed.
    package func hurry(timeout: Nanoseconds) async {
        for loop in loops { await loop.sockets.run { loop.hurry(within: timeout) } }
    }

    /// Where the engines of `snapshot` that speak gRPC may be reached.
    private static func checkPlaces(of snapshot: Snapshot) -> [CheckPlace] {
        snapshot.access.engines.filter { $0.speech == .extAuthzGRPC }.flatMap { engine in
            let backend = snapshot.backends[Int(engine.backend)]
            return backend.endpoints.map { id in
                let endpoint = snapshot.endpoints[Int(id)]
                return CheckPlace(
                    address: endpoint.address, port: endpoint.port, tls: backend.tls,
                    authority: backend.hostHeader.map { String(decoding: $0, as: UTF8.self) })
            }
        }
    }

    /// Whether every exchange ended before `timeout`.
    private func waitUntilDrained(_ timeout: Nanoseconds, _ sparesIdle: Bool) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            for loop in loops {
                group.addTask {
                    await withCheckedContinuation { ended in
                        loop.sockets.execute {
                            loop.drain(within: timeout, sparesIdle: sparesIdle) {
                                ended.resume(returning: $0)
                            }
                        }
                    }
                }
            }
            var isClean = true
            for await isPartClean in group where !isPartClean { isClean = false }
            return isClean
        }
    }

    private func credentials(
        of next: Snapshot, _ secret: (String, String) -> Secret<[UInt8]>?
    ) -> [Secret<[UInt8]>?] {
        next.backends.map { backend in
            let found: Secret<[UInt8]>? =
                switch backend.credential?.source {
                case nil: nil
                case .secret(let name, let key): secret(name, key)
                case let source?: readCredential(source)
                }
            return found.flatMap { Credential.usable($0) }
        }
    }
}
