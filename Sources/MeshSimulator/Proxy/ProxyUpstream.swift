// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshWire

/// One connection to an endpoint: holds bytes and reports what happened; the client's side
/// relays.
final class ProxyUpstream: SocketHandler {
    /// Held strongly until the world dissolves: an unowned reference costs at every use.
    let loop: ProxyLoop
    let socket: Socket
    let slot: EndpointSlot
    /// Whether the connection ended by an error rather than by the peer's orderly end.
    private(set) var hadError = false
    /// The exchange's client, nil while idle.
    private(set) var client: ProxyClient?
    /// Bytes that were read and not yet relayed.
    var inbound = Inbound()
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

    init(loop: ProxyLoop, socket: Socket, slot: EndpointSlot) {
        self.loop = loop
        self.socket = socket
        self.slot = slot
    }

    /// Serves `client` from now on.
    func attach(_ client: ProxyClient) {
        self.client = client
        hasHead = false
        isHeadTaken = false
        informational = 0
        head.reset()
    }

    /// No longer serves its client; the caller says what becomes of the connection.
    func detach(at now: Instant) {
        client = nil
        served += 1
        socket.resume(at: now)
    }

    /// Whether the answer was read to its end and the endpoint takes another request.
    var isReusable: Bool {
        isOpen && hasHead && reader.isComplete && head.keepAlive && inbound.isEmpty
    }

    /// Whether more of the request may be written now.
    var isWritable: Bool { socket.isWritable }

    /// Closes the connection.
    func close(at now: Instant) {
        guard isOpen else { return }
        end(at: now)
    }

    private func end(at now: Instant) {
        isOpen = false
        socket.close(at: now)
        if let client {
            client.upstreamClosed(self, at: now)
        } else {
            loop.presentPool(slot)?.remove(self)
        }
    }

    // MARK: Events

    func received(_ socket: Socket, at now: Instant) {
        guard let client else {
            // Bytes on an idle connection belong to no request: whoever sent them is not to be
            // trusted with the next one.
            close(at: now)
            loop.presentPool(slot)?.remove(self)
            return
        }
        let kind = hasHead ? Operation.readBody : .readHead
        if loop.world.fails(kind) {
            loop.world.faults.count(.chosenOperation)
            broke(socket, at: now)
            return
        }
        socket.take(into: &inbound)
        if !hasHead, !readHead(for: client, at: now) { return }
        client.relay(from: self, at: now)
        self.client?.flushIfNeeded(at: now)
    }

    func peerFinished(_ socket: Socket, at now: Instant) {
        guard isOpen else { return }
        end(at: now)
    }

    func broke(_ socket: Socket, at now: Instant) {
        guard isOpen else { return }
        hadError = true
        end(at: now)
    }

    func hasRoom(_ socket: Socket, at now: Instant) { client?.upstreamWritable(at: now) }

    /// Reads final heads; answers false when more bytes are needed or the attempt failed.
    private func readHead(for client: ProxyClient, at now: Instant) -> Bool {
        while true {
            do {
                let limits = HeadLimits(
                    headBytesMax: Limits.answerHeadBytes, fieldCountMax: 256)
                let bytes = inbound.bytes
                let span = unsafe bytes.span.bytes.extracting(inbound.at..<bytes.count)
                guard
                    try head.parse(span, requestMethod: client.head.method, limits: limits)
                else {
                    if inbound.count > Limits.answerHeadBytes {
                        client.upstreamMalformed(self, at: now)
                    }
                    return false
                }
            } catch {
                client.upstreamMalformed(self, at: now)
                return false
            }
            guard head.status >= 200 else {
                informational += 1
                guard head.status != 101, informational <= 16 else {
                    client.upstreamMalformed(self, at: now)
                    return false
                }
                inbound.drop(head.length)
                head.reset()
                if inbound.isEmpty { return false }
                continue
            }
            hasHead = true
            reader = BodyReader(head.framing, limits: loop.headLimits, ofResponse: true)
            return true
        }
    }
}
