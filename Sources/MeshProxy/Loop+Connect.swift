// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import NIOCore
import NIOPosix
import NIOSSL

extension Loop {
    /// Opens a connection to an endpoint on this event loop and hands it, or nil, to `done`.
    func connect(
        to address: SocketAddress, slot: EndpointSlot, tls: UpstreamTLS?,
        done: @escaping (UpstreamHandler?) -> Void
    ) {
        let context = tls.flatMap(tlsContext)
        if tls != nil, context == nil {
            done(nil)
            return
        }
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(30))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.recvAllocator, value: Buffers.reading)
            .channelOption(.writeBufferWaterMark, value: Buffers.writing)
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls, let context {
                        let name = tls.serverName.isEmpty ? nil : tls.serverName
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: context, serverHostname: name))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        UpstreamHandler(loop: self, slot: slot))
                }
            }
        bootstrap.connect(to: address).assumeIsolated().whenComplete {
            [self] (result: Result<any Channel, any Error>) in
            guard case .success(let channel) = result,
                let handler = try? channel.pipeline.syncOperations.handler(
                    type: UpstreamHandler.self)
            else {
                done(nil)
                return
            }
            shard.metrics.mesh.upstreamOpened += 1
            done(handler)
        }
    }
}

/// How much a connection may hold, in each direction.
///
/// A caller that does not read holds one write above the mark and one read of the endpoint's
/// connection, so these two bound the memory of a stalled stream.
enum Buffers {
    /// Reads begin small and grow with what comes.
    static let reading = AdaptiveRecvByteBufferAllocator(
        minimum: 1024, initial: 2048, maximum: 32 * 1024)
    /// Above `high` the other side is no longer read, below `low` it is again.
    static let writing = ChannelOptions.Types.WriteBufferWaterMark(
        low: 8 * 1024, high: 32 * 1024)
}
