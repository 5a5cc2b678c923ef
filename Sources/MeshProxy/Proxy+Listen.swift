// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore
import NIOPosix

extension Proxy {
    /// Opens one socket for each loop on the same port; the kernel spreads connections over them.
    /// Nothing is accepted before `startAccepting`.
    func listen(
        address: String, port: UInt16, number: Int, loops: [Loop]
    ) async throws -> [any Channel] {
        do {
            try await probe(address: address, port: port, on: loops[0].eventLoop)
            var channels: [any Channel] = []
            for loop in loops {
                let bootstrap = ServerBootstrap(group: loop.eventLoop, childGroup: loop.eventLoop)
                    .serverChannelOption(.backlog, value: 4096)
                    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                    .serverChannelOption(.socketOption(Self.reusePort), value: 1)
                    .serverChannelOption(.maxMessagesPerRead, value: 16)
                    .serverChannelOption(.autoRead, value: false)
                    .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
                    .childChannelOption(.maxMessagesPerRead, value: 1)
                    .childChannelOption(.recvAllocator, value: Buffers.reading)
                    .childChannelOption(.writeBufferWaterMark, value: Buffers.writing)
                    .childChannelOption(.allowRemoteHalfClosure, value: true)
                    .childChannelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(
                                ClientHandler(loop: loop, socket: number))
                        }
                    }
                channels.append(try await bootstrap.bind(host: address, port: Int(port)).get())
            }
            return channels
        } catch {
            throw ProxyError.cannotListen(address: address, port: port, reason: "\(error)")
        }
    }

    private static var reusePort: NIOBSDSocket.Option { .init(rawValue: SO_REUSEPORT) }

    /// Fails when another process listens there: with SO_REUSEPORT alone the kernel would let
    /// two proxies share a port without a word.
    private func probe(
        address: String, port: UInt16, on eventLoop: any EventLoop
    ) async throws {
        let channel = try await ServerBootstrap(group: eventLoop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.autoRead, value: false)
            .bind(host: address, port: Int(port)).get()
        try await channel.close().get()
    }

    /// Lets sockets accept, once every loop knows what to do with a connection.
    func startAccepting(_ channels: [any Channel]) async {
        for channel in channels {
            try? await channel.setOption(.autoRead, value: true).get()
            channel.read()
        }
    }

    /// Closes listening sockets.
    static func close(_ channels: [any Channel]) async {
        for channel in channels { try? await channel.close().get() }
    }
}
