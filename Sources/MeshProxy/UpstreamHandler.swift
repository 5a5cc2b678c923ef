// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshWire

/// One connection to an endpoint.
///
/// It serves one exchange at a time, `client`, and does no more than hold bytes and report what
/// happened; the client's handler relays.
final class UpstreamHandler: Connection {
    private unowned(unsafe) let loop: Loop
    let slot: EndpointSlot
    /// How the connection is encrypted; nil for cleartext.
    let tls: UpstreamTLS?
    /// The exchange's client, nil while idle.
    private(set) var client: ClientHandler?
    var head = ResponseHead()
    var reader = BodyReader(.none, limits: HeadLimits(), ofResponse: true)
    /// Whether the head of the present answer was read.
    var hasHead = false
    /// Whether the bytes of that head were taken out of `input`.
    var isHeadTaken = false
    /// Requests that were sent on it before the present one.
    private(set) var served = 0
    /// When it must be closed, while idle.
    var idleUntil = Instant.distantFuture
    /// Fields that came behind the present answer's body: complete lines.
    private(set) var trailers: [UInt8] = []
    private var informational = 0
    private var isCounted = false

    init(loop: Loop, slot: EndpointSlot, tls: UpstreamTLS?) {
        self.loop = loop
        self.slot = slot
        self.tls = tls
        super.init(sockets: loop.sockets)
    }

    /// Serves `client` from now on.
    func attach(_ client: ClientHandler) {
        self.client = client
        hasHead = false
        isHeadTaken = false
        informational = 0
        if !trailers.isEmpty { trailers = [] }
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
        isOpen && !isStream && hasHead && reader.isComplete && head.keepAlive && input.isEmpty
            && isFlushed
    }

    /// Whether the connection ended by an error rather than by the peer's orderly end.
    var hadError: Bool { !problem.isEmpty }

    /// Whether it is a connection to the endpoint in `slot`.
    func leads(to slot: EndpointSlot) -> Bool {
        self.slot.index == slot.index && self.slot.generation == slot.generation
    }

    // MARK: Events

    override func received() {
        guard let client else {
            // Bytes on an idle connection belong to no request: whoever sent them is not to be
            // trusted with the next one.
            close()
            return
        }
        if !hasHead, !readHead(for: client) { return }
        client.relay(from: self)
    }

    override func receivedTrailers(_ lines: [UInt8]) { trailers = lines }

    override func relieved() { client?.upstreamWritable() }

    override func ended() {
        // In TLS 1.3 an endpoint refuses our certificate only once the handshake is over for us.
        if tls != nil, problem.contains("ALERT") { loop.noteRefusal(by: slot, tls, problem) }
        if let client {
            client.upstreamClosed(self)
        } else {
            loop.presentPool(slot)?.remove(self)
        }
    }

    /// Reads final heads; answers false when more bytes are needed or the attempt failed.
    private func readHead(for client: ClientHandler) -> Bool {
        while true {
            do {
                let limits = HeadLimits(headBytesMax: 65_535, fieldCountMax: 256)
                let bytes = input.window
                guard
                    try head.parse(
                        bytes.bytes, requestMethod: client.head.method,
                        limits: limits)
                else {
                    if input.count > 65_535 { client.upstreamMalformed(self) }
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
                input.drop(head.length)
                head.reset()
                if input.isEmpty { return false }
                continue
            }
            hasHead = true
            reader = BodyReader(head.framing, limits: loop.headLimits, ofResponse: true)
            return true
        }
    }
}
