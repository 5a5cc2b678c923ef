// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix

/// Passes bytes between each client and a connection of its own to one upstream, looking at none.
///
/// One event loop, one handler on each channel, one write and one flush for each read: what is
/// left is the cost of SwiftNIO and the kernel. What a real proxy spends beyond this is its own.
@main
struct BaselineProxy {
    static func main() throws {
        let numbers = CommandLine.arguments.dropFirst().compactMap(Int.init)
        guard numbers.count == 2 else {
            print("usage: baseline-proxy <port to listen on> <port of the upstream>")
            return
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let listener = try ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // Reading starts when the upstream is there.
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                connect(client, toPort: numbers[1])
            }
            .bind(host: "127.0.0.1", port: numbers[0]).wait()
        try listener.closeFuture.wait()
    }

    private static func connect(_ client: any Channel, toPort port: Int) -> EventLoopFuture<Void> {
        ClientBootstrap(group: client.eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: "127.0.0.1", port: port)
            .flatMapThrowing { upstream in
                let near = Pipe(to: upstream)
                let far = Pipe(to: client)
                try client.pipeline.syncOperations.addHandler(near)
                try upstream.pipeline.syncOperations.addHandler(far)
                client.setOption(.autoRead, value: true).whenFailure { _ in
                    upstream.close(promise: nil)
                }
            }
    }
}

/// Writes whatever is read on its channel to the other one.
final class Pipe: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel

    init(to other: any Channel) { self.other = other }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
