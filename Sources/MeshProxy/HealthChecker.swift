// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import MeshWire

/// Probes endpoints on one loop and tells every loop what it found.
///
/// Sendable only so that it can be handed to its event loop; nothing but that loop touches it.
final class HealthChecker: @unchecked Sendable {
    private struct Key: Hashable {
        var backend: String
        var authority: String
    }

    private struct Target {
        var machine: ActiveHealth
        var endpoint: Endpoint
        var backend: BackendID
        var check: HealthCheck
    }

    private unowned let loop: Loop
    private let sockets: SocketLoop
    private let report: (_ backend: String, _ authority: String, _ isHealthy: Bool) -> Void
    private var targets: [Key: Target] = [:]
    private var publication: Publication?
    private var random: SplitMix64
    private var isTicking = false

    init(
        loop: Loop, seed: UInt64,
        report: @escaping (String, String, Bool) -> Void
    ) {
        self.loop = loop
        sockets = loop.sockets
        self.report = report
        random = SplitMix64(seed: seed)
    }

    /// Probes the endpoints of the new snapshot; what is known of those that stay is kept.
    func adopt(_ publication: Publication) {
        let now = sockets.now
        self.publication = publication
        let snapshot = publication.snapshot
        var next: [Key: Target] = [:]
        for (id, backend) in snapshot.backends.enumerated() {
            guard let check = backend.healthCheck else { continue }
            for endpoint in snapshot.endpoints[
                Int(backend.endpoints.lowerBound)..<Int(backend.endpoints.upperBound)]
            {
                let key = Key(backend: backend.name, authority: endpoint.authority)
                if var known = targets[key], known.check == check {
                    known.backend = BackendID(id)
                    next[key] = known
                } else {
                    // A new check begins with the benefit of the doubt, as a new endpoint does.
                    if targets[key] != nil { report(key.backend, key.authority, true) }
                    next[key] = Target(
                        machine: ActiveHealth(check: check, using: &random, at: now),
                        endpoint: endpoint, backend: BackendID(id), check: check)
                }
            }
        }
        // An endpoint that is no longer probed must not stay out for ever.
        for key in targets.keys where next[key] == nil {
            report(key.backend, key.authority, true)
        }
        targets = next
        if !targets.isEmpty, !isTicking {
            isTicking = true
            sockets.schedule(at: now + .milliseconds(10)) { [unowned self] in tick() }
        }
    }

    /// Takes certificates of the snapshot `version` that changed into use.
    func adopt(_ upstreams: [UpstreamTLS: UpstreamSecurity], of version: UInt64) {
        if publication?.snapshot.version == version { publication?.tls = upstreams }
    }

    func stop() { targets = [:] }

    private func tick() {
        guard !targets.isEmpty else {
            isTicking = false
            return
        }
        sockets.schedule(at: sockets.now + .milliseconds(50)) { [unowned self] in tick() }
        probeDue(at: sockets.now)
    }

    private func probeDue(at now: Instant) {
        for key in targets.keys {
            guard var target = targets[key], target.machine.probeDue(at: now) else { continue }
            targets[key] = target
            probe(key, target)
        }
    }

    private func probe(_ key: Key, _ target: Target) {
        guard let publication,
            let address = InternetAddress(target.endpoint.address, port: target.endpoint.port)
        else { return }
        let backend = publication.snapshot.backends[Int(target.backend)]
        var request: [UInt8] = []
        request.append("GET ")
        request.append(contentsOf: target.check.path)
        request.append(" HTTP/1.1\r\nhost: ")
        request.append(contentsOf: backend.hostHeader ?? Array(target.endpoint.authority.utf8))
        request.append("\r\nuser-agent: pinion-health\r\n")
        if backend.version == .http1 { request.append("connection: close\r\n") }
        request.append("\r\n")
        let statuses = target.check.expectedStatuses
        var secured: TLSClient?
        if let settings = backend.tls {
            // Never in cleartext what is meant to be encrypted.
            guard let security = publication.tls[settings] else { return }
            secured = TLSClient(security: security)
        }
        let probe = Probe(sockets: sockets, request: request, timeout: target.check.timeout) {
            [self] status in
            finished(key, isGood: status.map(statuses.contains) ?? false)
        }
        guard backend.version == .http2 else {
            probe.start(address, secured)
            return
        }
        // A connection of its own: whether the endpoint still takes new ones is worth knowing.
        let session = HTTP2ClientSession(
            loop: loop, slot: Self.nowhere, tls: backend.tls, idleTimeout: .seconds(1))
        session.wait { session in
            if let session { probe.start(on: session) } else { probe.giveUp() }
        }
        session.dial(address, within: target.check.timeout, secured: secured)
    }

    /// A slot that no pool has.
    private static let nowhere = EndpointSlot(index: .max, generation: 0)

    private func finished(_ key: Key, isGood: Bool) {
        guard var target = targets[key] else { return }
        let change = target.machine.result(ok: isGood, using: &random, at: sockets.now)
        targets[key] = target
        if let isHealthy = change { report(key.backend, key.authority, isHealthy) }
    }
}

/// One probe: sends the request, reads the status, closes.
private final class Probe: Connection {
    private let request: [UInt8]
    private let timeout: Nanoseconds
    private var done: ((Int?) -> Void)?
    private var head = ResponseHead()
    private var limit: Timer?
    /// The connection of HTTP/2 that it lives on.
    private var session: HTTP2ClientSession?

    init(
        sockets: SocketLoop, request: [UInt8], timeout: Nanoseconds,
        done: @escaping (Int?) -> Void
    ) {
        self.request = request
        self.timeout = timeout
        self.done = done
        super.init(sockets: sockets)
    }

    func start(_ address: InternetAddress, _ secured: TLSClient?) {
        whenUsable = { [self] isGood in
            guard isGood else {
                finish(nil)
                return
            }
            ask()
        }
        connect(to: address, within: timeout, secured: secured)
    }

    /// Asks on a stream of `session`.
    func start(on session: HTTP2ClientSession) {
        self.session = session
        session.host(self)
        ask()
    }

    /// There is no connection.
    func giveUp() { finish(nil) }

    private func ask() {
        limit = sockets.schedule(at: sockets.now + timeout) { [unowned(unsafe) self] in
            close()
        }
        write(request)
        flush()
    }

    override func received() {
        do {
            let bytes = input.window
            guard
                try head.parse(bytes.bytes, requestMethod: .get, limits: HeadLimits())
            else { return }
            finish(head.status)
        } catch {
            finish(nil)
        }
        close()
    }

    override func ended() {
        if let limit { sockets.cancel(limit) }
        finish(nil)
        guard let session else { return }
        self.session = nil
        sockets.later { session.retire() }
    }

    private func finish(_ status: Int?) {
        guard let done else { return }
        self.done = nil
        done(status)
    }
}
