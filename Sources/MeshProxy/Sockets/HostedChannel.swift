// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import NIOCore

/// What a `HostedChannel` asks of the one whose bytes run through it.
protocol ChannelHost: AnyObject {
    /// Bytes for the socket.
    func hostedWrite(_ bytes: UnsafeRawBufferPointer)
    /// All bytes so far may leave.
    func hostedFlush()
    /// Bytes that came out at the inner end.
    func hostedRead(_ bytes: UnsafeRawBufferPointer)
    /// A handler fired an event.
    func hostedEvent(_ event: Any)
    /// A handler found something wrong.
    func hostedFailed(_ error: any Error)
    /// A handler wants the connection closed.
    func hostedClose()
}

/// The smallest channel of SwiftNIO in which its protocol handlers can live, without a socket or
/// a thread: what a connection reads goes in at the front of its pipeline, what comes out at the
/// back is handed to the host, and what handlers write is sent as it is.
///
/// Sendable because channels must be; only the loop's thread touches it.
final class HostedChannel: Channel, ChannelCore, @unchecked Sendable {
    /// Nil once the connection has ended and the turn after that is over.
    private unowned(unsafe) var host: (any ChannelHost)?
    private let loop: LoopOfNIO
    private let closed: EventLoopPromise<Void>
    /// Once its handlers are removed it holds nothing, and what is sent through it goes nowhere.
    private(set) lazy var pipeline = ChannelPipeline(channel: self)
    /// Handlers speak as soon as they are there when the channel is active, so it must not be
    /// before the connection is.
    private var hasBegun = false
    private(set) var isEnded = false
    private(set) var isWritable = true

    /// A channel with `handlers`, the outermost first, to `peer` where a handler asks for it.
    init(
        _ handlers: [any ChannelHandler], of host: any ChannelHost, sockets: SocketLoop,
        peer: InternetAddress? = nil
    ) throws {
        self.host = host
        remoteAddress = peer.flatMap {
            try? SocketAddress(ipAddress: $0.host, port: Int($0.port))
        }
        loop = sockets.nio
        closed = loop.makePromise()
        do {
            for handler in handlers { try pipeline.syncOperations.addHandler(handler) }
            try pipeline.syncOperations.addHandler(EventObserver(self))
        } catch {
            end()
            throw error
        }
    }

    // MARK: For the host

    /// The connection is there.
    func begin() {
        hasBegun = true
        pipeline.syncOperations.fireChannelRegistered()
        pipeline.syncOperations.fireChannelActive()
    }

    /// Bytes of the peer's.
    func read(_ bytes: ByteBuffer) {
        // A handler may close the connection, which lets go of this.
        withExtendedLifetime(self) {
            pipeline.syncOperations.fireChannelRead(NIOAny(bytes))
            if !isEnded { pipeline.syncOperations.fireChannelReadComplete() }
        }
    }

    /// A message for the inner end.
    func write(_ message: NIOAny) { pipeline.syncOperations.write(message, promise: nil) }

    func flush() {
        withExtendedLifetime(self) { pipeline.syncOperations.flush() }
    }

    /// Lets handlers end what they speak.
    func close() { pipeline.close(mode: .all, promise: nil) }

    /// The connection takes more, or no more.
    func setWritable(_ isWritable: Bool) {
        guard isWritable != self.isWritable, !isEnded else { return }
        self.isWritable = isWritable
        withExtendedLifetime(self) { pipeline.fireChannelWritabilityChanged() }
    }

    /// The connection is closed.
    func end() {
        guard !isEnded else { return }
        isEnded = true
        pipeline.syncOperations.fireChannelInactive()
        pipeline.syncOperations.fireChannelUnregistered()
        // Handlers know the host, which lives until they are gone.
        loop.sockets.later { [self, host] in
            self.host = nil
            removeHandlers(pipeline: pipeline)
            closed.succeed()
            withExtendedLifetime(host) {}
        }
    }

    fileprivate func fired(_ event: Any) {
        if !isEnded { host?.hostedEvent(event) }
    }

    // MARK: Channel

    var allocator: ByteBufferAllocator { ByteBufferAllocator() }
    var closeFuture: EventLoopFuture<Void> { closed.futureResult }
    var localAddress: SocketAddress? { nil }
    let remoteAddress: SocketAddress?
    var parent: (any Channel)? { nil }
    var isActive: Bool { hasBegun && !isEnded }
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
        bytes.withUnsafeReadableBytes { host?.hostedWrite($0) }
        promise?.succeed()
    }

    func flush0() { host?.hostedFlush() }

    // The connection reads for as long as it is not paused.
    func read0() {}

    func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        promise?.succeed()
        if mode == .all { host?.hostedClose() }
    }

    func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) {
        promise?.succeed()
    }

    func channelRead0(_ data: NIOAny) {
        let bytes = unwrapData(data, as: ByteBuffer.self)
        bytes.withUnsafeReadableBytes { host?.hostedRead($0) }
    }

    // An end that came too early is told as an error while it ends.
    func errorCaught0(error: any Error) { host?.hostedFailed(error) }
}

/// Stands at the inner end and hears of events.
private final class EventObserver: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private unowned(unsafe) let channel: HostedChannel

    init(_ channel: HostedChannel) { self.channel = channel }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        channel.fired(event)
    }
}
