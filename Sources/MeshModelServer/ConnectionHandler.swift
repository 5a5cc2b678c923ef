// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1

/// One connection: gathers each request, answers them one after the other, and notices at once
/// when the client leaves.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let world: ModelServerWorld
    private let number: Int
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isTooLarge = false
    private var reply: Reply?
    /// Responses that have ended and are not yet all written.
    private var unflushed = 0
    private var context: ChannelHandlerContext?

    init(_ world: ModelServerWorld, number: Int) {
        self.world = world
        self.number = number
    }

    /// Whether a request is being answered.
    var isBusy: Bool { reply != nil || head != nil || unflushed > 0 }

    /// `part` as the pipeline wants it.
    static func wrapOutboundOut(_ part: HTTPServerResponsePart) -> NIOAny { NIOAny(part) }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelActive(context: ChannelHandlerContext) {
        world.opened(self, number)
        if world.connections.count > Limits.connectionsMax { context.close(promise: nil) }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        world.closed(number)
        reply?.abandon()
        reply = nil
        self.context = nil
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.removeAll()
            isTooLarge = false
            if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
                let proceed = HTTPResponseHead(version: head.version, status: .continue)
                context.writeAndFlush(Self.wrapOutboundOut(.head(proceed)), promise: nil)
            }
        case .body(let part):
            guard body.count + part.readableBytes <= Limits.bodyBytesMax else {
                isTooLarge = true
                return
            }
            body.append(contentsOf: part.readableBytesView)
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context: context)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { reply?.pump() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    /// Closes the connection now, or, when `isGraceful`, behind the answer that is under way.
    func close(isGraceful: Bool) {
        guard !isGraceful || !isBusy else { return }
        context?.close(promise: nil)
    }

    private func answer(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        let keepsAlive = head.isKeepAlive && !world.isStopping && !isTooLarge
        let reply = Reply(context, world: world, keepsAlive: keepsAlive) { [weak self] in
            self?.ended($0, $1)
        }
        self.reply = reply
        let request = ReceivedRequest(
            number: world.nextRequestNumber(), connection: number, head: head, body: body)
        body = []
        if isTooLarge {
            let message = "the body is larger than \(Limits.bodyBytesMax) bytes"
            reply.send(
                OpenAIError(
                    status: 413, message: message, type: "invalid_request_error",
                    parameter: nil, code: "body_too_large"))
            return
        }
        world.receive(request, reply)
    }

    private func ended(_ reply: Reply, _ end: Reply.End) {
        if self.reply === reply { self.reply = nil }
        guard let flushed = end.flushed else {
            context?.close(promise: nil)
            return
        }
        unflushed += 1
        flushed.assumeIsolated().whenComplete { [self] _ in
            unflushed -= 1
            if !end.keepsAlive || (world.isStopping && !isBusy) {
                context?.close(promise: nil)
            }
        }
    }
}
