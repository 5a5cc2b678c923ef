// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshWire

/// Probes endpoints and tells every loop what it found, by message.
final class HealthProber {
    private struct Target {
        var backend: String
        var authority: String
        var machine: ActiveHealth
        var check: HealthCheck
    }

    private unowned let world: World
    private let loops: [ProxyLoop]
    private var random: SplitMix64
    /// In the order of the snapshot.
    private var targets: [Target] = []
    private var isTicking = false

    init(world: World, loops: [ProxyLoop], seed: UInt64) {
        self.world = world
        self.loops = loops
        random = SplitMix64(seed: seed)
    }

    /// Probes the endpoints of the new snapshot; what is known of those that stay is kept.
    func adopt(_ snapshot: Snapshot, at now: Instant) {
        var next: [Target] = []
        for backend in snapshot.backends {
            guard let check = backend.healthCheck else { continue }
            for id in backend.endpoints {
                let authority = snapshot.endpoints[Int(id)].authority
                let known = place(backend.name, authority).map { targets[$0] }
                if let known, known.check == check {
                    next.append(known)
                } else {
                    if known != nil { report(backend.name, authority, true, at: now) }
                    next.append(
                        Target(
                            backend: backend.name, authority: authority,
                            machine: ActiveHealth(check: check, using: &random, at: now),
                            check: check))
                }
            }
        }
        // An endpoint that is no longer probed must not stay out for ever.
        for target in targets
        where !next.contains(where: {
            $0.backend == target.backend && $0.authority == target.authority
        }) {
            report(target.backend, target.authority, true, at: now)
        }
        targets = next
        if !targets.isEmpty, !isTicking {
            isTicking = true
            tickLater(at: now)
        }
    }

    private func place(_ backend: String, _ authority: String) -> Int? {
        targets.firstIndex { $0.backend == backend && $0.authority == authority }
    }

    private func tickLater(at now: Instant) {
        world.schedule(at: now + Limits.probing) { [weak self] now in
            guard let self, !world.isOver else { return }
            guard !targets.isEmpty else {
                isTicking = false
                return
            }
            for index in targets.indices where targets[index].machine.probeDue(at: now) {
                probe(targets[index], at: now)
            }
            tickLater(at: now)
        }
    }

    private func probe(_ target: Target, at now: Instant) {
        var request: [UInt8] = []
        request.append("GET ")
        request.append(contentsOf: target.check.path)
        request.append(" HTTP/1.1\r\nhost: ")
        request.append(target.authority)
        request.append("\r\nuser-agent: pinion-health\r\nconnection: close\r\n\r\n")
        let statuses = target.check.expectedStatuses
        let timeout = target.check.timeout
        world.connect(to: target.authority, timeout: timeout, at: now) { [self] socket, now in
            guard let socket else {
                finished(target, false, at: now)
                return
            }
            let probe = Probe(socket: socket) { [self] status, now in
                finished(target, status.map(statuses.contains) ?? false, at: now)
            }
            socket.handler = probe
            socket.write(request)
            socket.flush(at: now)
            world.schedule(at: now + timeout) { now in probe.finish(nil, at: now) }
        }
    }

    private func finished(_ target: Target, _ isGood: Bool, at now: Instant) {
        guard let index = place(target.backend, target.authority) else { return }
        let change = targets[index].machine.result(ok: isGood, using: &random, at: now)
        if let change { report(target.backend, target.authority, change, at: now) }
    }

    private func report(
        _ backend: String, _ authority: String, _ isHealthy: Bool, at now: Instant
    ) {
        for loop in loops {
            world.schedule(at: now + Limits.message) { now in
                loop.shard.fleet.setHealth(
                    backend: backend, authority: authority, healthy: isHealthy, at: now)
            }
        }
    }
}

/// One probe: reads the status, closes.
private final class Probe: SocketHandler {
    private let socket: Socket
    private var done: ((Int?, Instant) -> Void)?
    private var inbound = Inbound()
    private var head = ResponseHead()

    init(socket: Socket, done: @escaping (Int?, Instant) -> Void) {
        self.socket = socket
        self.done = done
    }

    func received(_ socket: Socket, at now: Instant) {
        socket.take(into: &inbound)
        let bytes = inbound.bytes
        let span = unsafe bytes.span.bytes.extracting(inbound.at..<bytes.count)
        do {
            guard try head.parse(span, requestMethod: .get, limits: HeadLimits()) else { return }
            finish(head.status, at: now)
        } catch {
            finish(nil, at: now)
        }
    }

    func peerFinished(_ socket: Socket, at now: Instant) { finish(nil, at: now) }

    func broke(_ socket: Socket, at now: Instant) { finish(nil, at: now) }

    func hasRoom(_ socket: Socket, at now: Instant) {}

    func finish(_ status: Int?, at now: Instant) {
        guard let done else { return }
        self.done = nil
        done(status, now)
        socket.close(at: now)
    }
}
