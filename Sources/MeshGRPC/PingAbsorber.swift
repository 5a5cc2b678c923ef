// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOSSL

/// Answers the PINGs of a peer on an HTTP/2 connection itself.
///
/// SwiftNIO's HTTP/2 ends connections whose peer sends more than 200 of them in 30 seconds, and
/// gRPC peers in Go send one for nearly every message that they read, to measure the connection.
/// grpc-swift has no setting for that bound, so this stands between it and the socket and lets
/// through all but PINGs. It has a bound of its own: what comes above that in a second is left to
/// SwiftNIO.
final class PingAbsorber: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// PINGs that are answered each second.
    static let perSecond = 2_000

    private var inbound: FrameWalk
    private var outbound: FrameWalk
    /// Answers that wait until a frame of ours has ended.
    private var owed: [[UInt8]] = []
    private var secondEnds = NIODeadline.uptimeNanoseconds(0)
    private var answered = 0

    /// One for a connection that we accepted, or that we made.
    init(isServer: Bool) {
        inbound = FrameWalk(fromClient: isServer)
        outbound = FrameWalk(fromClient: !isServer)
    }

    /// Puts one into the pipeline of a new connection, inside TLS where there is any.
    static func add(to channel: any Channel, isServer: Bool) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let operations = channel.pipeline.syncOperations
            let absorber = PingAbsorber(isServer: isServer)
            if let tls = try? operations.handler(type: NIOSSLClientHandler.self) {
                try operations.addHandler(absorber, position: .after(tls))
            } else if let tls = try? operations.handler(type: NIOSSLServerHandler.self) {
                try operations.addHandler(absorber, position: .after(tls))
            } else {
                try operations.addHandler(absorber, position: .first)
            }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        var held = inbound.held
        let parts = inbound.take(buffer.readableBytesView)
        if held.isEmpty, inbound.held.isEmpty, parts.count == 1, case .other = parts[0] {
            context.fireChannelRead(data)
            return
        }
        var out = context.channel.allocator.buffer(capacity: buffer.readableBytes + held.count)
        for part in parts {
            switch part {
            case .other(let count):
                out.writeBytes(held)
                let fresh = count - held.count
                held = []
                if let slice = buffer.readSlice(length: fresh) {
                    out.writeImmutableBuffer(slice)
                }
            case .ping(let payload):
                buffer.moveReaderIndex(forwardBy: FrameWalk.headBytes + 8 - held.count)
                held = []
                if mayAnswer {
                    owed.append(payload)
                } else {
                    out.writeBytes([0, 0, 8, 6, 0, 0, 0, 0, 0])
                    out.writeBytes(payload)
                }
            }
        }
        answer(context)
        if out.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(out)) }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // What our side sends is followed only to know where frames end.
        _ = outbound.take(unwrapOutboundIn(data).readableBytesView)
        context.write(data, promise: promise)
        answer(context)
    }

    private var mayAnswer: Bool {
        let now = NIODeadline.now()
        if now >= secondEnds {
            secondEnds = now + .seconds(1)
            answered = 0
        }
        answered += 1
        return answered <= Self.perSecond
    }

    private func answer(_ context: ChannelHandlerContext) {
        guard !owed.isEmpty, outbound.isAtBoundary else { return }
        var out = context.channel.allocator.buffer(capacity: 17 * owed.count)
        for payload in owed {
            out.writeBytes([0, 0, 8, 6, 1, 0, 0, 0, 0])
            out.writeBytes(payload)
        }
        owed.removeAll(keepingCapacity: true)
        context.writeAndFlush(wrapOutboundOut(out), promise: nil)
    }
}
