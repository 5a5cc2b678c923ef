// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot

extension ClientHandler {
    /// Sends the copy of the present request that `order` asks for and forgets it.
    ///
    /// A mirror never delays or fails the request itself: a copy for which there is no endpoint,
    /// no connection or no room is dropped.
    func mirror(_ order: MirrorOrder) {
        let snapshot = exchange.snapshot
        let backend = order.backend
        guard loop.mirrorsInFlight < Loop.mirrorsMax else { return }
        let endpoint = snapshot.endpoints[Int(order.pick.endpoint)]
        guard let address = loop.address(of: endpoint, id: order.pick.endpoint, in: snapshot) else {
            return
        }
        let bytes = headBytes.window
        var copy: [UInt8] = []
        exchange.mirroredHead(
            head, bytes.bytes, body: hasBody ? body.window.bytes : nil, backend: backend,
            peer: peer, shard: &loop.shard)
        copy.append(contentsOf: loop.shard.output)
        if hasBody { copy.append(contentsOf: body.window) }
        loop.sendMirror(copy, to: address, snapshot.backends[Int(backend)], order.pick.slot)
    }
}

extension Loop {
    /// Copies on their way at once.
    static let mirrorsMax = 256

    /// Sends `request` on a connection or stream of its own and throws the answer away.
    func sendMirror(
        _ request: [UInt8], to address: InternetAddress, _ backend: Backend, _ slot: EndpointSlot
    ) {
        guard let secured = client(of: backend.tls) else { return }
        mirrorsInFlight += 1
        let handler = MirrorHandler(loop: self)
        if backend.version == .http2 {
            withSession(
                to: address, slot: slot, tls: backend.tls, fresh: false,
                idleTimeout: backend.connections.idleTimeout, timeout: .seconds(2)
            ) { [self] session in
                guard let session else {
                    mirrorsInFlight -= 1
                    return
                }
                session.host(handler)
                handler.send(request)
            }
            return
        }
        handler.whenUsable = { [self] isGood in
            guard isGood else {
                mirrorsInFlight -= 1
                return
            }
            handler.send(request)
        }
        handler.connect(to: address, within: .seconds(2), secured: secured)
    }
}

/// Reads and drops the answer to a mirrored request; closes when it takes too long.
private final class MirrorHandler: Connection {
    private unowned(unsafe) let loop: Loop
    private var limit: Timer?

    init(loop: Loop) {
        self.loop = loop
        super.init(sockets: loop.sockets)
    }

    func send(_ request: [UInt8]) {
        limit = sockets.schedule(at: sockets.now + .seconds(30)) { [unowned(unsafe) self] in
            close()
        }
        write(request)
        flush()
    }

    override func received() { input.drop(input.count) }

    override func ended() {
        // Without a limit it was never usable, and that was counted.
        guard let limit else { return }
        sockets.cancel(limit)
        loop.mirrorsInFlight -= 1
    }
}
