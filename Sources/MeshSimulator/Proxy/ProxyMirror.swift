// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot

extension ProxyClient {
    /// Sends the copy of the present request that `order` asks for and forgets it.
    ///
    /// A mirror never delays or fails the request itself: a copy for which there is no endpoint,
    /// no connection or no room is dropped.
    func mirror(_ order: MirrorOrder, at now: Instant) {
        let snapshot = exchange.snapshot
        let (backend, pick) = (order.backend, order.pick)
        guard loop.mirrors < Limits.mirrors else { return }
        let bytes = headBytes
        var copy: [UInt8] = []
        if let body {
            exchange.mirroredHead(
                head, unsafe bytes.span.bytes, body: unsafe body.span.bytes, backend: backend,
                peer: peer, shard: &loop.shard)
            copy = loop.shard.output + body
        } else {
            exchange.mirroredHead(
                head, unsafe bytes.span.bytes, body: nil, backend: backend, peer: peer,
                shard: &loop.shard)
            copy = loop.shard.output
        }
        let loop = loop
        loop.mirrors += 1
        let authority = snapshot.endpoints[Int(pick.endpoint)].authority
        loop.world.connect(to: authority, timeout: .seconds(2), at: now) { socket, now in
            guard let socket else {
                loop.mirrors -= 1
                return
            }
            let mirror = ProxyMirror(loop: loop, socket: socket)
            socket.handler = mirror
            socket.write(copy)
            socket.flush(at: now)
            loop.world.schedule(at: now + Limits.mirrorTime) { now in mirror.end(at: now) }
        }
    }
}

/// Reads and drops the answer to a mirrored request; closes when it falls silent.
private final class ProxyMirror: SocketHandler {
    private let loop: ProxyLoop
    private let socket: Socket
    private var isOver = false

    init(loop: ProxyLoop, socket: Socket) {
        self.loop = loop
        self.socket = socket
    }

    func end(at now: Instant) {
        guard !isOver else { return }
        isOver = true
        loop.mirrors -= 1
        socket.close(at: now)
    }

    func received(_ socket: Socket, at now: Instant) {
        var dropped = Inbound()
        socket.take(into: &dropped)
    }

    func peerFinished(_ socket: Socket, at now: Instant) { end(at: now) }

    func broke(_ socket: Socket, at now: Instant) { end(at: now) }

    func hasRoom(_ socket: Socket, at now: Instant) {}
}
