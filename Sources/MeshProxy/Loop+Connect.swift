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
        to address: SocketAddress, slot: EndpointSlot, backend: BackendID, tls: UpstreamTLS?,
        done: @escaping (UpstreamHandler?) -> Void
    ) {
        let context = tlsContext(of: backend)
        if tls != nil, context == nil {
            done(nil)
            return
        }
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(30))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
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
