// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshWire
import NIOCore
import NIOSSL
import NIOTLS

/// One connection to an endpoint: the last handler of its channel.
///
/// It serves one exchange at a time, `client`, and does no more than hold bytes and report what
/// happened; the client's handler relays.
final class UpstreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private unowned(unsafe) let loop: Loop
    let slot: EndpointSlot
    /// How the connection is encrypted; nil for cleartext.
    let tls: UpstreamTLS?
    /// Whether the connection ended by an error rather than by the peer's orderly end.
    private(set) var hadError = false
    /// What that error was, for the log.
    private(set) var problem = ""
    /// Called once when the TLS handshake is over: true when it succeeded.
    var handshakeEnded: ((Bool) -> Void)?
    private(set) var context: ChannelHandlerContext?
    /// The exchange's client, nil while idle.
    private(set) var client: ClientHandler?
    /// Bytes that were read and not yet relayed.
    var inbound = ByteBuffer()
    var head = ResponseHead()
    var reader = BodyReader(.none, limits: HeadLimits(), ofResponse: true)
    /// Whether the head of the present answer was read.
    var hasHead = false
    /// Whether the bytes of that head were taken out of `inbound`.
    var isHeadTaken = false
    /// Requests that were sent on it before the present one.
    private(set) var served = 0
    /// When it must be closed, while idle.
    var idleUntil = Instant.distantFuture
    /// Whether it can carry requests.
    private(set) var isOpen = true
    private var informational = 0
    private var isPaused = false
    private var isCounted = false

    init(loop: Loop, slot: EndpointSlot, tls: UpstreamTLS?) {
        self.loop = loop
        self.slot = slot
        self.tls = tls
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Serves `client` from now on.
    func attach(_ client: ClientHandler) {
        self.client = client
        hasHead = false
        isHeadTaken = false
        informational = 0
        head.reset()
        loop.activeUpstreams += 1
        isCounted = true
    }

    /// No longer serves its client; the caller says what becomes of the connection.
    func detach() {
        client = nil
        served += 1
        if isCounted {
            loop.activeUpstreams -= 1
            isCounted = false
        }
        resumeReads()
    }

    /// Whether the answer was read to its end and the endpoint takes another request.
    var isReusable: Bool {
        isOpen && hasHead && reader.isComplete && head.keepAlive && inbound.readableBytes == 0
    }

    /// Sends bytes of the request.
    func write(_ buffer: ByteBuffer) { context?.write(wrapOutboundOut(buffer), promise: nil) }

    func flush() { context?.flush() }

    /// Whether more of the request may be written now.
    var isWritable: Bool { context?.channel.isWritable ?? false }

    /// Stops reading until `resumeReads`, so that the endpoint feels a slow caller.
    func pauseReads() {
        guard !isPaused, isOpen else { return }
        isPaused = true
        try? context?.channel.syncOptions?.setOption(.autoRead, value: false)
    }

    func resumeReads() {
        guard isPaused else { return }
        isPaused = false
        try? context?.channel.syncOptions?.setOption(.autoRead, value: true)
    }

    func close() {
        guard isOpen else { return }
        isOpen = false
        context?.close(promise: nil)
    }

    // MARK: Events

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard let client else {
            // Bytes on an idle connection belong to no request: whoever sent them is not to be
            // trusted with the next one.
            close()
            loop.presentPool(slot)?.remove(self)
            return
        }
        if inbound.readableBytes == 0 { inbound = bytes } else { inbound.writeBuffer(&bytes) }
        if !hasHead, !readHead(for: client) { return }
        client.relay(from: self)
    }

    func channelReadComplete(context: ChannelHandlerContext) { client?.flushIfNeeded() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { client?.upstreamWritable() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isOpen = false
        endHandshake(false)
        if let client {
            client.upstreamClosed(self)
        } else {
            loop.presentPool(slot)?.remove(self)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        isOpen = false
        hadError = true
        if problem.isEmpty { problem = "\(error)" }
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { endHandshake(true) }
    }

    private func endHandshake(_ isGood: Bool) {
        guard let handshakeEnded else { return }
        self.handshakeEnded = nil
        handshakeEnded(isGood)
    }

    /// Reads final heads; answers false when more bytes are needed or the attempt failed.
    private func readHead(for client: ClientHandler) -> Bool {
        while true {
            do {
                let limits = HeadLimits(headBytesMax: 65_535, fieldCountMax: 256)
                let bytes = inbound
                guard
                    try head.parse(
                        bytes.readableBytesSpan, requestMethod: client.head.method,
                        limits: limits)
                else {
                    if inbound.readableBytes > 65_535 { client.upstreamMalformed(self) }
                    return false
                }
            } catch {
                client.upstreamMalformed(self)
                return false
            }
            guard head.status >= 200 else {
                informational += 1
                guard head.status != 101, informational <= 16 else {
                    client.upstreamMalformed(self)
                    return false
                }
                inbound.moveReaderIndex(forwardBy: head.length)
                head.reset()
                if inbound.readableBytes == 0 { return false }
                continue
            }
            hasHead = true
            reader = BodyReader(head.framing, limits: loop.headLimits, ofResponse: true)
            return true
        }
    }
}
