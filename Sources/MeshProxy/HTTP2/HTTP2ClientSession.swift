// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire
import NIOHTTP2

/// A connection of HTTP/2 to an endpoint, on which many exchanges have a stream each.
final class HTTP2ClientSession: HTTP2Session {
    let slot: EndpointSlot
    /// How the connection is encrypted; nil for cleartext.
    let tls: UpstreamTLS?
    /// When it may be closed, while no stream is open.
    private(set) var idleUntil = Instant.distantFuture
    private var idleTimeout: Nanoseconds
    private var next = 1
    /// Streams that were promised and not opened yet.
    private var promised = 0
    private var waiters: [(HTTP2ClientSession?) -> Void] = []
    /// Whether the connection was made.
    private(set) var isReady = false
    private var hasFailed = false

    init(loop: Loop, slot: EndpointSlot, tls: UpstreamTLS?, idleTimeout: Nanoseconds) {
        self.slot = slot
        self.tls = tls
        self.idleTimeout = idleTimeout
        super.init(loop: loop, asServer: false)
    }

    /// Connects, and serves those who wait.
    func dial(_ address: InternetAddress, within limit: Nanoseconds, secured: TLSClient?) {
        whenUsable = { [self] isGood in connected(isGood, to: address) }
        connect(to: address, within: limit, secured: secured)
    }

    private func connected(_ isGood: Bool, to address: InternetAddress) {
        if !isGood, hasConnected, tls != nil {
            let reason = problem.isEmpty ? "it was closed" : problem
            loop.noteHandshake(with: address, tls, reason)
        }
        var isGood = isGood
        if isGood, tls != nil, negotiated != "h2" {
            loop.note(
                "\(address) did not agree on HTTP/2 within TLS (ALPN `h2`); set `appProtocol: http`"
                    + " of the Backend, or let the endpoint offer it")
            isGood = false
            sockets.later { [self] in close() }
        }
        if isGood {
            isReady = true
            // A probe's is of no pool, and no request goes out on it.
            if loop.presentPool(slot) != nil { loop.shard.metrics.mesh.upstreamOpened += 1 }
            idleUntil = loop.now + idleTimeout
            do {
                try begin(asServer: false)
            } catch {
                isGood = false
                sockets.later { [self] in fail("\(error)") }
            }
        }
        if !isGood {
            hasFailed = true
            loop.presentPool(slot)?.remove(self)
        }
        let all = waiters
        waiters = []
        for waiter in all { waiter(isGood ? self : nil) }
    }

    /// Whether one more may wait for the connection to be made.
    var takesWaiters: Bool { !isReady && !hasFailed && waiters.count < HTTP2Limits.waitersMax }

    /// Calls `waiter` once the connection is made, or with nil when it cannot be.
    func wait(_ waiter: @escaping (HTTP2ClientSession?) -> Void) { waiters.append(waiter) }

    /// Whether another stream may be opened.
    var takesStreams: Bool {
        isReady && isOpen && !isLeaving && streams.count + promised < peerStreamsMax
            && next < Int(Int32.max) - 2 * promised
    }

    /// Opens `connection` on a stream that gets its number with the head of its request.
    func host(_ connection: Connection) {
        promised += 1
        let stream = ClientStream(self, of: connection)
        stream.giveBack = { [self] in promised -= 1 }
        connection.opened(on: stream)
    }

    /// Gives `stream` its number.
    func open(_ stream: ClientStream) {
        stream.giveBack?()
        stream.giveBack = nil
        stream.number = next
        next += 2
        adopt(stream, as: stream.number)
    }

    override func streamsChanged() {
        guard streams.isEmpty else { return }
        idleUntil = loop.now + idleTimeout
        if isLeaving { sockets.later { [self] in closeIfUnused() } }
    }

    override func peerLeaves() {
        if streams.isEmpty { sockets.later { [self] in closeIfUnused() } }
    }

    override func broke(_ reason: String) {
        loop.note("the HTTP/2 connection to an endpoint was ended: \(reason)")
    }

    override func ended() {
        super.ended()
        loop.presentPool(slot)?.remove(self)
    }

    /// Closes it when nobody uses it, now or when the last stream has ended.
    func retire() {
        if !isLeaving, isReady, isOpen { sayFarewell(last: 0) }
        closeIfUnused()
    }

    private func closeIfUnused() {
        if streams.isEmpty, promised == 0, waiters.isEmpty { close() }
    }

    /// Whether it has been of no use for too long.
    func isIdle(at now: Instant) -> Bool {
        isReady && streams.isEmpty && promised == 0 && idleUntil <= now
    }
}
