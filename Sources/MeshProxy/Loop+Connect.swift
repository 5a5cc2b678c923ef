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
        to address: SocketAddress, slot: EndpointSlot, tls: UpstreamTLS?, timeout: Nanoseconds,
        done: @escaping (UpstreamHandler?) -> Void
    ) {
        let context = tls.flatMap(tlsContext)
        if tls != nil, context == nil {
            done(nil)
            return
        }
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(.nanoseconds(max(1, timeout.rawValue)))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.recvAllocator, value: Buffers.reading)
            .channelOption(.writeBufferWaterMark, value: Buffers.writing)
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls, let context {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: context, serverHostname: tls.nameSent))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        UpstreamHandler(loop: self, slot: slot, tls: tls))
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
            guard tls != nil else {
                done(handler)
                return
            }
            // The handshake belongs to the connection's set-up: a peer that is not who it must be
            // was not reached.
            guard handler.isOpen else {
                done(nil)
                return
            }
            handler.handshakeEnded = { [self] isGood in
                if !isGood {
                    let reason = handler.problem.isEmpty ? "it was closed" : handler.problem
                    note("the TLS handshake with \(address) failed: \(reason)")
                }
                done(isGood ? handler : nil)
            }
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

extension UpstreamTLS {
    /// The server name that is sent: an IP address is none (RFC 6066 section 3) and is checked
    /// against the certificate's addresses instead.
    var nameSent: String? {
        if serverName.isEmpty || serverName.contains(":") { return nil }
        let isAddress = serverName.utf8.allSatisfy { $0 == 0x2E || ($0 >= 0x30 && $0 <= 0x39) }
        return isAddress ? nil : serverName
    }
}
