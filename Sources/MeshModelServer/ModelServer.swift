// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import NIOCore
import NIOHTTP1
import NIOPosix

/// A simulated OpenAI-compatible model server on a real socket.
///
/// It answers as a vLLM server would: same paths, same shapes, same metrics, and the timing of a
/// chosen engine (`EngineModel`), but no model. A mesh can be shown, tested and measured with it
/// without a GPU and without a network; faults can be ordered for one request by `x-sim-` headers
/// or for all through `/sim/faults`.
///
///     var options = ModelServerOptions()
///     options.models = ["llama-small"]
///     let server = try await ModelServer.start(options, group: group)
///     print(server.port)
///     await server.stop()
///
/// Never a place for secrets: it remembers the requests it received and shows them to anybody
/// who asks `/sim/requests`, which is why it listens on loopback unless told otherwise.
package final class ModelServer: Sendable {
    /// The port the server listens on.
    package let port: Int
    private let listener: any Channel
    private let world: NIOLoopBound<ModelServerWorld>

    private init(port: Int, listener: any Channel, world: NIOLoopBound<ModelServerWorld>) {
        self.port = port
        self.listener = listener
        self.world = world
    }

    /// Binds and begins to serve, on one event loop of `group`.
    ///
    /// **Errors**: those of binding the socket.
    package static func start(
        _ options: ModelServerOptions, group: any EventLoopGroup
    ) async throws -> ModelServer {
        let loop = group.next()
        return try await loop.flatSubmit {
            let world = NIOLoopBound(
                ModelServerWorld(options, loop: loop), eventLoop: loop)
            let bound = bootstrap(world, loop: loop)
                .bind(host: options.host, port: options.port)
            return bound.map { listener in
                let port = listener.localAddress?.port ?? options.port
                world.value.name = options.name ?? "model-server-\(port)"
                return ModelServer(port: port, listener: listener, world: world)
            }
        }.get()
    }

    /// Stops listening, lets answers under way end within the grace, and closes the rest.
    package func stop() async {
        let world = world
        let listener = listener
        let stopped = listener.eventLoop.flatSubmit {
            listener.close().flatMapError { _ in
                // A listener that is closed already is what was wanted.
                listener.eventLoop.makeSucceededVoidFuture()
            }.flatMap { world.value.drain() }
        }
        try? await stopped.get()
    }

    private static func bootstrap(
        _ world: NIOLoopBound<ModelServerWorld>, loop: any EventLoop
    ) -> ServerBootstrap {
        let watermark = ChannelOptions.Types.WriteBufferWaterMark(
            low: Limits.writeBufferLow, high: Limits.writeBufferHigh)
        return ServerBootstrap(group: loop)
            .serverChannelOption(ChannelOptions.backlog, value: 1024)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(ChannelOptions.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(ChannelOptions.writeBufferWaterMark, value: watermark)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    let world = world.value
                    world.counters.connections += 1
                    let number = world.counters.connections
                    try pipeline.addHandler(ConnectionHandler(world, number: number))
                }
            }
    }
}
