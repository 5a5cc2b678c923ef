// SPDX-License-Identifier: Apache-2.0

import MeshAdmin
import MeshBasics
import NIOCore
import NIOPosix
import Testing

@Suite("The admin port")
struct AdminServerTests {
    @Test("leaves whoever says nothing, or half of what it wants")
    func patience() async throws {
        let server = try await AdminServer.start(
            at: .port(address: "127.0.0.1", port: 0),
            gatekeeper: AdminGuard(token: nil, isPrivate: false), patience: .milliseconds(50)
        ) { _ in .text("never asked") }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        for text in ["", "GET / HTTP/1.1\r\nhost: 127"] {
            let channel = try await ClientBootstrap(group: group)
                .connect(host: "127.0.0.1", port: server.port).get()
            // It may be closed already.
            try? await channel.writeAndFlush(ByteBuffer(string: text)).get()
            try await channel.closeFuture.get()
        }
        await server.stop()
        try await group.shutdownGracefully()
    }
}
