// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import NIOCore
import NIOSSL
import NIOTLS

/// How a connection to an endpoint is encrypted.
struct TLSClient {
    var context: NIOSSLContext
    /// The name that is asked for and checked; nil for an address.
    var serverName: String?
}

/// TLS between a `Connection` and its bytes.
///
/// NIOSSL speaks TLS as a handler in a channel of SwiftNIO. This is the smallest channel that it
/// can live in: what the connection reads goes in at the front of its pipeline, what comes out at
/// the back is handed to the connection as received, and what it writes is sent as it is. There is
/// no socket and no thread here.
///
/// Sendable because channels must be; only the loop's thread touches it.
final class TLSChannel: Channel, ChannelCore, @unchecked Sendable {
    private unowned(unsafe) let connection: Connection
    private let loop: LoopOfNIO
    private let closed: EventLoopPromise<Void>
    private var storedPipeline: ChannelPipeline?
    private var isEnded = false
    private var isUsable = false

    init(_ settings: TLSClient, of connection: Connection) throws {
        self.connection = connection
        loop = connection.sockets.nio
        closed = loop.makePromise()
        let pipeline = ChannelPipeline(channel: self)
        storedPipeline = pipeline
        do {
            try pipeline.syncOperations.addHandler(
                NIOSSLClientHandler(
                    context: settings.context, serverHostname: settings.serverName))
            try pipeline.syncOperations.addHandler(HandshakeObserver(self))
        } catch {
            ended()
            throw error
        }
    }

    // MARK: For the connection

    /// The connection is there: says hello.
    func begin() {
        pipeline.syncOperations.fireChannelRegistered()
        pipeline.syncOperations.fireChannelActive()
    }

    /// Bytes of the peer's.
    func read(_ bytes: UnsafeRawBufferPointer) {
        // The handler may close the connection, which lets go of this.
        withExtendedLifetime(self) {
            pipeline.syncOperations.fireChannelRead(NIOAny(ByteBuffer(bytes: bytes)))
            if !isEnded { pipeline.syncOperations.fireChannelReadComplete() }
        }
    }

    /// The peer sends nothing more. Without a farewell inside of TLS that is an error.
    func inputEnded() {
        withExtendedLifetime(self) { ended() }
    }

    func write(_ bytes: UnsafeRawBufferPointer) {
        pipeline.syncOperations.write(NIOAny(ByteBuffer(bytes: bytes)), promise: nil)
    }

    func flush() {
        withExtendedLifetime(self) { pipeline.syncOperations.flush() }
    }

    /// Tells the peer that the connection ends on purpose; its answer is not waited for.
    func sayGoodbye() {
        guard isUsable, !isEnded else { return }
        pipeline.close(mode: .all, promise: nil)
    }

    /// The connection is closed.
    func ended() {
        guard !isEnded else { return }
        isEnded = true
        pipeline.syncOperations.fireChannelInactive()
        pipeline.syncOperations.fireChannelUnregistered()
        loop.sockets.later { [self] in
            removeHandlers(pipeline: pipeline)
            closed.succeed()
            storedPipeline = nil
        }
    }

    fileprivate func handshakeDone() {
        isUsable = true
        connection.secured()
    }

    // MARK: Channel

    var allocator: ByteBufferAllocator { ByteBufferAllocator() }
    var closeFuture: EventLoopFuture<Void> { closed.futureResult }
    var pipeline: ChannelPipeline {
        // It is there until the connection has ended and the turn after that is over.
        guard let storedPipeline else { fatalError("a TLS channel was used after its end") }
        return storedPipeline
    }
    var localAddress: SocketAddress? { nil }
    var remoteAddress: SocketAddress? { nil }
    var parent: (any Channel)? { nil }
    var isWritable: Bool { true }
    var isActive: Bool { !isEnded }
    var _channelCore: any ChannelCore { self }
    var eventLoop: any EventLoop { loop }

    func setOption<Option: ChannelOption>(
        _ option: Option, value: Option.Value
    ) -> EventLoopFuture<Void> {
        eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }

    func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }

    // MARK: ChannelCore

    func localAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }
    func remoteAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }
    func register0(promise: EventLoopPromise<Void>?) { promise?.succeed() }
    func registerAlreadyConfigured0(promise: EventLoopPromise<Void>?) { promise?.succeed() }

    func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        let bytes = unwrapData(data, as: ByteBuffer.self)
        bytes.withUnsafeReadableBytes { connection.writeRaw($0) }
        promise?.succeed()
    }

    func flush0() { connection.flushRaw() }

    // The connection reads for as long as it is not paused.
    func read0() {}

    func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        promise?.succeed()
        if mode == .all, connection.isOpen { connection.close() }
    }

    func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) {
        promise?.succeed()
    }

    func channelRead0(_ data: NIOAny) {
        let bytes = unwrapData(data, as: ByteBuffer.self)
        bytes.withUnsafeReadableBytes { connection.receivedInside($0) }
    }

    func errorCaught0(error: any Error) {
        if connection.isOpen { connection.fail("\(error)") }
    }
}

/// Stands behind the TLS handler and hears when the handshake is over.
private final class HandshakeObserver: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private unowned(unsafe) let channel: TLSChannel

    init(_ channel: TLSChannel) { self.channel = channel }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { channel.handshakeDone() }
    }
}
