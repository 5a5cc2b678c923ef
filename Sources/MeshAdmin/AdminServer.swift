// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1
import NIOPosix

/// What someone asked the admin port.
package struct AdminRequest: Sendable {
    /// `GET`, `POST`, …
    package var method: String
    /// The path without its query.
    package var path: String
    /// The value of the Accept field, or "".
    package var accept: String
}

/// What the admin port answers.
package struct AdminAnswer: Sendable {
    /// HTTP status.
    package var status: Int
    /// Value of Content-Type.
    package var type: String
    /// The body.
    package var body: [UInt8]

    /// An answer of the given parts.
    package init(status: Int = 200, type: String = "text/plain; charset=utf-8", body: [UInt8]) {
        self.status = status
        self.type = type
        self.body = body
    }

    /// A line of plain text.
    package static func text(_ line: String, status: Int = 200) -> AdminAnswer {
        AdminAnswer(status: status, body: Array((line + "\n").utf8))
    }

    /// A JSON document.
    package static func json(_ text: String, status: Int = 200) -> AdminAnswer {
        AdminAnswer(status: status, type: "application/json", body: Array(text.utf8))
    }
}

/// The port where people and scrapers look at a running proxy.
///
/// It is never on a request's path, so it is plain and slow: one answer, then the connection
/// closes. It answers only requests whose Host is an address, `localhost` or a name it was told,
/// so that no web page can read it through a name that resolves to this machine.
package final class AdminServer: Sendable {
    private let channel: any Channel
    private let group: MultiThreadedEventLoopGroup

    /// The port that is listened on.
    package var port: Int { channel.localAddress?.port ?? 0 }

    private init(channel: any Channel, group: MultiThreadedEventLoopGroup) {
        self.channel = channel
        self.group = group
    }

    /// Listens on `address`:`port` (0: the kernel chooses) and answers with `respond`.
    ///
    /// **Errors** when the port cannot be opened.
    package static func start(
        address: String, port: Int,
        respond: @escaping @Sendable (AdminRequest) async -> AdminAnswer
    ) async throws -> AdminServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                        try pipeline.addHandler(AdminHandler(respond: respond))
                    }
                }
                .bind(host: address, port: port).get()
            return AdminServer(channel: channel, group: group)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Stops listening and ends the thread.
    package func stop() async {
        try? await channel.close().get()
        try? await group.shutdownGracefully()
    }
}

/// One admin connection.
private final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let respond: @Sendable (AdminRequest) async -> AdminAnswer
    private var head: HTTPRequestHead?

    init(respond: @escaping @Sendable (AdminRequest) async -> AdminAnswer) {
        self.respond = respond
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end: answer(context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(_ context: ChannelHandlerContext) {
        guard let head else { return }
        self.head = nil
        guard Self.isTrusted(host: head.headers.first(name: "host") ?? "") else {
            write(
                .text("this name is not served here; use the address or localhost", status: 421),
                to: context, isHead: false)
            return
        }
        let path = String(head.uri.prefix { $0 != "?" })
        let request = AdminRequest(
            method: head.method.rawValue, path: path,
            accept: head.headers.first(name: "accept") ?? "")
        let isHead = head.method == .HEAD
        let respond = respond
        let promise = context.eventLoop.makePromise(of: AdminAnswer.self)
        promise.completeWithTask { await respond(request) }
        promise.futureResult.assumeIsolated().whenSuccess { [self] answer in
            write(answer, to: context, isHead: isHead)
        }
    }

    private func write(_ answer: AdminAnswer, to context: ChannelHandlerContext, isHead: Bool) {
        guard context.channel.isActive else { return }
        var headers = HTTPHeaders()
        headers.add(name: "content-type", value: answer.type)
        headers.add(name: "content-length", value: "\(answer.body.count)")
        headers.add(name: "cache-control", value: "no-store")
        headers.add(name: "x-content-type-options", value: "nosniff")
        headers.add(name: "connection", value: "close")
        let head = HTTPResponseHead(
            version: .http1_1, status: .init(statusCode: answer.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead {
            let body = ByteBuffer(bytes: answer.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        let done = context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        done.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: done)
    }

    /// Whether `host` can only have been written by someone who meant this machine.
    static func isTrusted(host: String) -> Bool {
        if host.hasPrefix("[") { return true }
        let name = host.prefix { $0 != ":" }
        if name == "localhost" || name.isEmpty { return true }
        return name.utf8.allSatisfy { $0 == UInt8(ascii: ".") || ($0 >= 48 && $0 <= 57) }
    }
}
