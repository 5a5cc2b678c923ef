// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshSnapshot
import MeshTelemetry
import MeshWire
import NIOCore
import NIOHPACK
import NIOHTTP2

/// A caller's connection of HTTP/2: every stream of it is one request.
///
/// It ends like this: a farewell that names no stream, so that requests on their way are still
/// taken; a second after that, one that names the last; then, when no stream is left, the end.
final class HTTP2ServerSession: HTTP2Session {
    /// The number of the socket it was accepted on.
    let socket: Int
    /// The caller's address as text.
    let peer: [UInt8]
    /// What is known of the connection when it is encrypted.
    let secured: SecuredConnection?
    /// The highest stream that was opened.
    private var last = 0
    /// When it is closed, while no stream is open.
    private var idleUntil: Instant
    private var hasNamedLast = false

    init(loop: Loop, socket: Int, peer: [UInt8], secured: SecuredConnection?) {
        self.secured = secured
        self.socket = socket
        self.peer = peer
        idleUntil = loop.now + loop.shard.snapshot.limits.headTimeout
        super.init(loop: loop, asServer: true)
    }

    /// Serves what `connection` was until now, which began with HTTP/2's preface.
    func takeOver(_ connection: Connection) {
        connection.handOver(to: self)
        loop.sessions[ObjectIdentifier(self)] = self
        do {
            try begin(asServer: true)
        } catch {
            fail("\(error)")
            return
        }
        if loop.shard.isDraining { drain() }
        if isOpen, !input.isEmpty { received() }
    }

    override func ended() {
        super.ended()
        loop.connections.giveBack()
        loop.sessionClosed(self)
    }

    /// Whether a request is under way.
    var isBusy: Bool { !streams.isEmpty }

    // MARK: Requests

    override func opened(
        _ number: Int, _ fields: HPACKHeaders, body: ByteBuffer?, isLast: Bool
    ) {
        // Numbers only rise: a lower one is that of a stream which is gone already.
        guard number > last else { return }
        last = number
        guard !hasNamedLast else {
            reset(number, .refusedStream)
            return
        }
        let handler = ClientHandler(loop: loop, session: self)
        let stream = ServerStream(self, of: handler)
        stream.number = number
        var bytes: [UInt8] = []
        do throws(Violation) {
            let limits = loop.headLimits
            loop.fields.reset()
            try HTTP2Heads.read(fields) { name, value throws(Violation) in
                try loop.fields.add(name, value, limits: limits)
            }
            stream.method = loop.fields.method
            if let body { try loop.fields.announce(body.readableBytes) }
            let framing = try loop.fields.finish(hasBody: !isLast, into: &bytes)
            stream.begin(framing, isLast: isLast || body != nil)
        } catch {
            loop.shard.metrics.mesh.downstreamMalformed += 1
            guard error.status == 431 || error.status == 414 else {
                loop.note("a request of HTTP/2 was malformed: \(error.message)")
                reset(number, .protocolError, isPeersFault: true)
                return
            }
            stream.receiving = isLast ? .ended : .body
            adopt(stream, as: number)
            handler.open(on: stream)
            handler.refuse(error)
            return
        }
        adopt(stream, as: number)
        handler.open(on: stream)
        if let body { bytes.append(contentsOf: body.readableBytesView) }
        stream.deliver(head: bytes)
    }

    override func streamsChanged() {
        guard streams.isEmpty else { return }
        idleUntil = loop.now + loop.shard.snapshot.limits.idleTimeout
        if isLeaving, hasNamedLast { closeSoon() }
    }

    override func broke(_ reason: String) {
        loop.shard.metrics.mesh.downstreamMalformed += 1
        loop.note(
            "the HTTP/2 connection of \(String(decoding: peer, as: UTF8.self)) was ended: \(reason)"
        )
    }

    // MARK: End

    /// The process is stopping, or the port is no longer listened on.
    func drain() {
        guard !isLeaving, isOpen else { return }
        sayFarewell(last: Int(Int32.max))
        loop.sockets.schedule(at: loop.now + HTTP2Limits.farewell) { [weak self] in
            self?.nameLast()
        }
    }

    private func nameLast() {
        guard isOpen, !hasNamedLast else { return }
        hasNamedLast = true
        sayFarewell(last: last)
        if streams.isEmpty { closeSoon() }
    }

    private func closeSoon() {
        loop.sockets.later { [weak self] in
            guard let self, streams.isEmpty else { return }
            close()
        }
    }

    /// Ends every request with an error that its caller can read, and the connection.
    func abort() {
        for stream in streams.values.sorted(by: { $0.number < $1.number }) {
            (stream.connection as? ClientHandler)?.abort()
        }
        hasNamedLast = true
        if isOpen { sayFarewell(last: last) }
        close()
    }

    /// The set of listened ports changed.
    func portsChanged() {
        let port = loop.port(ofSocket: socket)
        if port < 0 || loop.isSecured(port: port) != (secured != nil) { drain() }
    }

    /// Closes what has been idle for too long.
    func maintain(at now: Instant) {
        if secured?.endsSoon(at: loop.shard.wallTime(now)) == true { drain() }
        guard streams.isEmpty, isOpen, now >= idleUntil else { return }
        hasNamedLast = true
        sayFarewell(last: last)
        close()
    }
}
