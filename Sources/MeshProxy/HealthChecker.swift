// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import MeshWire
import NIOCore
import NIOPosix
import NIOSSL

/// Probes endpoints on one event loop and tells every loop what it found.
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

    private let eventLoop: any EventLoop
    private let report: (_ backend: String, _ authority: String, _ isHealthy: Bool) -> Void
    private var targets: [Key: Target] = [:]
    private var publication: Publication?
    private var random: SplitMix64
    private var task: RepeatedTask?

    init(
        eventLoop: any EventLoop, seed: UInt64,
        report: @escaping (String, String, Bool) -> Void
    ) {
        self.eventLoop = eventLoop
        self.report = report
        random = SplitMix64(seed: seed)
    }

    /// Probes the endpoints of the new snapshot; what is known of those that stay is kept.
    func adopt(_ publication: Publication) {
        let now = LiveWorld.now()
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
        if targets.isEmpty {
            task?.cancel()
            task = nil
        } else if task == nil {
            task = eventLoop.scheduleRepeatedTask(
                initialDelay: .milliseconds(10), delay: .milliseconds(50)
            ) { [unowned self] _ in tick(at: LiveWorld.now()) }
        }
    }

    func stop() {
        task?.cancel()
        task = nil
    }

    private func tick(at now: Instant) {
        for key in targets.keys {
            guard var target = targets[key], target.machine.probeDue(at: now) else { continue }
            targets[key] = target
            probe(key, target)
        }
    }

    private func probe(_ key: Key, _ target: Target) {
        guard let publication,
            let address = try? SocketAddress(
                ipAddress: target.endpoint.address, port: Int(target.endpoint.port))
        else { return }
        let backend = publication.snapshot.backends[Int(target.backend)]
        var request: [UInt8] = []
        request.append("GET ")
        request.append(contentsOf: target.check.path)
        request.append(" HTTP/1.1\r\nhost: ")
        request.append(contentsOf: backend.hostHeader ?? Array(target.endpoint.authority.utf8))
        request.append("\r\nuser-agent: pinion-health\r\nconnection: close\r\n\r\n")
        let timeout = TimeAmount.nanoseconds(target.check.timeout.rawValue)
        let tls = backend.tls.flatMap { publication.tls[$0] }
        let statuses = target.check.expectedStatuses
        let payload = request
        ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let settings = backend.tls, let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(
                                context: tls, serverHostname: settings.nameSent))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ProbeHandler(request: payload, timeout: timeout) { status in
                            self.finished(key, isGood: status.map(statuses.contains) ?? false)
                        })
                }
            }
            .connect(to: address).assumeIsolated().whenFailure { _ in
                self.finished(key, isGood: false)
            }
    }

    private func finished(_ key: Key, isGood: Bool) {
        guard var target = targets[key] else { return }
        let change = target.machine.result(ok: isGood, using: &random, at: LiveWorld.now())
        targets[key] = target
        if let isHealthy = change { report(key.backend, key.authority, isHealthy) }
    }
}

/// One probe: sends the request, reads the status, closes.
private final class ProbeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let request: [UInt8]
    private let timeout: TimeAmount
    private var done: ((Int?) -> Void)?
    private var inbound = ByteBuffer()
    private var head = ResponseHead()

    init(request: [UInt8], timeout: TimeAmount, done: @escaping (Int?) -> Void) {
        self.request = request
        self.timeout = timeout
        self.done = done
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: request)), promise: nil)
        let channel = context.channel
        context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { [self] in
            finish(nil)
            channel.close(promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        inbound.writeBuffer(&bytes)
        guard done != nil else { return }
        do {
            let bytes = inbound
            guard
                try head.parse(
                    bytes.readableBytesSpan, requestMethod: .get, limits: HeadLimits())
            else { return }
            finish(head.status)
        } catch {
            finish(nil)
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { finish(nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish(nil)
        context.close(promise: nil)
    }

    private func finish(_ status: Int?) {
        guard let done else { return }
        self.done = nil
        done(status)
    }
}
