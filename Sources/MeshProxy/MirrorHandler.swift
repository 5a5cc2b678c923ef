// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import NIOCore
import NIOPosix
import NIOSSL

extension ClientHandler {
    /// Sends a copy of the present request to `backend` and forgets it.
    ///
    /// A mirror never delays or fails the request itself: a copy for which there is no endpoint,
    /// no connection or no room is dropped.
    func mirror(to backend: BackendID) {
        let now = LiveWorld.now()
        let snapshot = exchange.snapshot
        guard loop.mirrorsInFlight < Loop.mirrorsMax,
            let pick = loop.shard.pick(backend: backend, at: now),
            Int(pick.endpoint) < snapshot.endpoints.count
        else { return }
        let endpoint = snapshot.endpoints[Int(pick.endpoint)]
        guard let address = loop.address(of: endpoint, id: pick.endpoint, in: snapshot) else {
            return
        }
        let bytes = headBytes
        var copy = ByteBuffer()
        if let body {
            exchange.mirroredHead(
                head, bytes.readableBytesSpan, body: body.readableBytesSpan, backend: backend,
                peer: peer, shard: &loop.shard)
            copy.writeBytes(loop.shard.output)
            copy.writeImmutableBuffer(body)
        } else {
            exchange.mirroredHead(
                head, bytes.readableBytesSpan, body: nil, backend: backend, peer: peer,
                shard: &loop.shard)
            copy.writeBytes(loop.shard.output)
        }
        loop.sendMirror(copy, to: address, tls: snapshot.backends[Int(backend)].tls)
    }
}

extension Loop {
    /// Copies on their way at once.
    static let mirrorsMax = 256

    /// Sends `request` on a connection of its own and throws the answer away.
    func sendMirror(_ request: ByteBuffer, to address: SocketAddress, tls: UpstreamTLS?) {
        let context = tls.flatMap(tlsContext)
        if tls != nil, context == nil { return }
        mirrorsInFlight += 1
        let loop = self
        ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(2))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls, let context {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: context, serverHostname: tls.nameSent))
                    }
                    try channel.pipeline.syncOperations.addHandler(MirrorHandler())
                }
            }
            .connect(to: address).assumeIsolated().whenComplete { result in
                guard case .success(let channel) = result else {
                    loop.mirrorsInFlight -= 1
                    return
                }
                channel.closeFuture.assumeIsolated().whenComplete { _ in
                    loop.mirrorsInFlight -= 1
                }
                channel.writeAndFlush(request, promise: nil)
            }
    }
}

/// Reads and drops the answer to a mirrored request; closes when it falls silent.
private final class MirrorHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        let limit = TimeAmount.seconds(30)
        let channel = context.channel
        context.eventLoop.assumeIsolated().scheduleTask(in: limit) { channel.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
