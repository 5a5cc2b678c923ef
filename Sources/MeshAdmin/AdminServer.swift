// SPDX-License-Identifier: Apache-2.0

import Glibc
package import MeshBasics
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

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
    /// Further fields.
    package var fields: [(name: String, value: String)] = []

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

/// Where the admin pages are served.
package enum AdminPlace: Sendable, Hashable {
    /// At an address and port; 0 lets the kernel choose.
    case port(address: String, port: Int)
    /// At a Unix socket that only its owner may open.
    case socket(path: String)

    /// The place as the command line has it.
    package var text: String {
        switch self {
        case .port(let address, let port): "\(address):\(port)"
        case .socket(let path): "unix:\(path)"
        }
    }

    /// Whether only this machine can reach it.
    package var isLocal: Bool {
        switch self {
        case .socket: true
        case .port(let address, _):
            address == "localhost" || address == "::1" || address.hasPrefix("127.")
        }
    }
}

/// The port where people and scrapers look at a running proxy.
///
/// It is never on a request's path, so it is plain and slow: one answer, then the connection
/// closes. Who is answered, `AdminGuard` says.
package final class AdminServer: Sendable {
    private let channel: any Channel
    private let group: MultiThreadedEventLoopGroup

    /// The port that is listened on.
    package var port: Int { channel.localAddress?.port ?? 0 }

    private let place: AdminPlace
    /// Its listening socket, for another process to take over.
    package let descriptor: Int32
    private let open: OpenCount

    private init(
        channel: any Channel, group: MultiThreadedEventLoopGroup, place: AdminPlace,
        descriptor: Int32, open: OpenCount
    ) {
        self.descriptor = descriptor
        self.open = open
        self.channel = channel
        self.group = group
        self.place = place
    }

    /// Listens at `place`, on the socket `handed` of a former process if there is one, and answers
    /// whom `gatekeeper` lets with `respond`. Who takes longer than `patience` to ask, or to read
    /// the answer, is left.
    ///
    /// **Errors** when the port or socket cannot be opened.
    package static func start(
        at place: AdminPlace, handed: Int32? = nil, gatekeeper: AdminGuard,
        patience: Nanoseconds = .seconds(30),
        respond: @escaping @Sendable (AdminRequest) async -> AdminAnswer
    ) async throws -> AdminServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let open = OpenCount()
        do {
            let descriptor = try handed ?? AdminSocket.open(place)
            let bootstrap = ServerBootstrap(group: group)
                .childChannelInitializer { channel in
                    open.count.wrappingAdd(1, ordering: .relaxed)
                    channel.closeFuture.whenComplete { _ in
                        open.count.wrappingSubtract(1, ordering: .relaxed)
                    }
                    return channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                        try pipeline.addHandler(
                            AdminHandler(
                                gatekeeper: gatekeeper, patience: patience, respond: respond))
                    }
                }
            let channel = try await bootstrap.withBoundSocket(descriptor).get()
            return AdminServer(
                channel: channel, group: group, place: place, descriptor: descriptor, open: open)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Stops listening; answers that are being given are still given, for two seconds at most.
    /// For a process whose socket another one has.
    package func leave() async {
        try? await channel.close().get()
        for _ in 0..<100 where open.count.load(ordering: .relaxed) > 0 {
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Stops listening and ends the thread; the path of a Unix socket stays where another process
    /// has it.
    package func stop(keepsPath: Bool = false) async {
        try? await channel.close().get()
        try? await group.shutdownGracefully()
        if !keepsPath, case .socket(let path) = place { unlink(path) }
    }
}

/// Counts the connections of an admin server.
private final class OpenCount: Sendable {
    let count = Atomic<Int>(0)
}

/// One admin connection.
private final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let gatekeeper: AdminGuard
    private let respond: @Sendable (AdminRequest) async -> AdminAnswer
    private var head: HTTPRequestHead?
    private let patience: Nanoseconds
    /// Closes the connection; not while an answer is made.
    private var limit: Scheduled<Void>?

    init(
        gatekeeper: AdminGuard, patience: Nanoseconds,
        respond: @escaping @Sendable (AdminRequest) async -> AdminAnswer
    ) {
        self.gatekeeper = gatekeeper
        self.patience = patience
        self.respond = respond
    }

    func channelActive(context: ChannelHandlerContext) {
        closeLater(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        limit?.cancel()
        context.fireChannelInactive()
    }

    private func closeLater(_ context: ChannelHandlerContext) {
        limit?.cancel()
        let channel = context.channel
        limit = context.eventLoop.scheduleTask(
            in: .nanoseconds(patience.rawValue)
        ) { channel.close(promise: nil) }
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
        limit?.cancel()
        let path = String(head.uri.prefix { $0 != "?" })
        let refusal = gatekeeper.refusal(
            of: AdminGuard.Head(
                method: head.method.rawValue, path: path, hosts: head.headers["host"],
                origins: head.headers["origin"], sites: head.headers["sec-fetch-site"],
                authorizations: head.headers["authorization"]))
        if let refusal { return write(refusal, to: context, isHead: head.method == .HEAD) }
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
        closeLater(context)
        var headers = HTTPHeaders()
        headers.add(name: "content-type", value: answer.type)
        headers.add(name: "content-length", value: "\(answer.body.count)")
        headers.add(name: "cache-control", value: "no-store")
        headers.add(name: "x-content-type-options", value: "nosniff")
        for field in answer.fields { headers.add(name: field.name, value: field.value) }
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
}
