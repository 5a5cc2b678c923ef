// SPDX-License-Identifier: Apache-2.0

import Glibc
import MeshModel
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Gets one small document from a server that the configuration names: no redirects, no cookies,
/// no reuse of connections, and a bound on everything.
///
/// It never connects to link-local addresses, where clouds give out credentials of machines, and
/// to loopback only when the URL says so itself.
final class WebClient: Sendable {
    /// Why there is no document.
    struct Failure: Error, Sendable {
        /// What happened.
        let message: String
    }

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    /// From the start to the last byte.
    private let timeout: TimeAmount

    /// A client that waits as long as `timeout` for a document.
    init(timeout: TimeAmount = .seconds(5)) { self.timeout = timeout }

    /// Ends the thread.
    func stop() async { try? await group.shutdownGracefully() }

    /// The body of `GET url`, which must be answered with 200 and at most `bytesMax` bytes.
    ///
    /// The addresses of a name are tried one after another until one takes the connection; all of
    /// them together have the time of one.
    func get(_ url: URLParts, caFile: String?, bytesMax: Int) async throws(Failure) -> [UInt8] {
        let addresses = try await addresses(of: url)
        let tls = try url.isSecure ? Self.tlsContext(caFile) : nil
        let deadline = NIODeadline.now() + timeout
        var problems: [String] = []
        for (number, address) in addresses.enumerated() {
            let left = deadline - .now()
            guard left > .nanoseconds(0) else { break }
            // The last one may use up what is left.
            let share = Int64(addresses.count - number)
            let attempt = Attempt(
                address: address, deadline: deadline,
                connectTimeout: .nanoseconds(left.nanoseconds / share))
            do {
                return try await get(url, bytesMax: bytesMax, tls: tls, attempt)
            } catch let failure as Failure {
                throw failure
            } catch {
                problems.append("\(error)")
            }
        }
        throw Failure(message: "cannot connect: \(problems.joined(separator: "; "))")
    }

    /// One address that is tried.
    private struct Attempt {
        var address: SocketAddress
        var deadline: NIODeadline
        var connectTimeout: TimeAmount
    }

    /// **Errors** `Failure` once there was a connection, anything else before.
    private func get(
        _ url: URLParts, bytesMax: Int, tls: NIOSSLContext?, _ attempt: Attempt
    ) async throws -> [UInt8] {
        let promise = group.any().makePromise(of: [UInt8].self)
        let handler = WebExchange(url: url, bytesMax: bytesMax, promise: promise)
        let connecting = ClientBootstrap(group: promise.futureResult.eventLoop)
            .connectTimeout(attempt.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls {
                        let isName = !Self.isAddress(url.host)
                        try pipeline.addHandler(
                            NIOSSLClientHandler(
                                context: tls, serverHostname: isName ? url.host : nil))
                    }
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(handler)
                }
            }
            .connect(to: attempt.address)
        connecting.whenFailure { promise.fail($0) }
        connecting.whenSuccess { channel in
            channel.eventLoop.scheduleTask(deadline: attempt.deadline) {
                promise.fail(Failure(message: "no whole answer within \(Self.text(self.timeout))"))
                channel.close(promise: nil)
            }
        }
        return try await promise.futureResult.get()
    }

    private static func text(_ time: TimeAmount) -> String {
        "\(Double(time.nanoseconds) / 1e9) s"
    }

    private func addresses(of url: URLParts) async throws(Failure) -> [SocketAddress] {
        let isLocal =
            url.host == "localhost" || url.host == "::1" || url.host.hasPrefix("127.")
        let found: [String]
        if Self.isAddress(url.host) {
            found = [url.host]
        } else if url.host == "localhost" {
            found = ["127.0.0.1", "::1"]
        } else {
            guard let resolved = await NameResolver.addresses(of: url.host) else {
                throw Failure(message: "the name \(url.host) does not resolve")
            }
            found = resolved
        }
        let allowed = found.filter { Self.mayConnect(to: $0, isLocal: isLocal) }
        let addresses = allowed.prefix(Self.addressesMax).compactMap {
            try? SocketAddress(ipAddress: $0, port: url.port)
        }
        guard !addresses.isEmpty else {
            throw Failure(
                message: "\(url.host) is at \(found.joined(separator: ", ")), where nothing is "
                    + "ever fetched")
        }
        return addresses
    }

    /// Addresses of one name that are tried.
    private static let addressesMax = 8

    /// Whether keys may be fetched from a server at `address`.
    static func mayConnect(to address: String, isLocal: Bool) -> Bool {
        guard let bytes = bytes(of: address) else { return false }
        guard bytes.count == 16 else { return mayConnect(v4: bytes, isLocal: isLocal) }
        let isMapped = bytes[0..<10].allSatisfy { $0 == 0 } && bytes[10] == 255
        if isMapped { return mayConnect(v4: Array(bytes[12...]), isLocal: isLocal) }
        let isLoopback = bytes[0..<15].allSatisfy { $0 == 0 }
        if isLoopback { return isLocal && bytes[15] == 1 }
        let isLinkLocal = bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80
        // fd00:ec2::254, where one cloud has what others have at 169.254.169.254.
        let isMetadata = bytes.prefix(6) == [0xFD, 0x00, 0x0E, 0xC2, 0, 0]
        return !isLinkLocal && !isMetadata && bytes[0] != 0xFF
    }

    /// The 4 or 16 bytes of an address, or nil when it is none.
    private static func bytes(of address: String) -> [UInt8]? {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, address, &bytes) == 1 { return bytes }
        }
        return nil
    }

    private static func mayConnect(v4 bytes: [UInt8], isLocal: Bool) -> Bool {
        if bytes[0] == 127 { return isLocal }
        return bytes[0] != 0 && bytes[0] < 224 && !(bytes[0] == 169 && bytes[1] == 254)
    }

    private static func isAddress(_ host: String) -> Bool { bytes(of: host) != nil }

    private static func tlsContext(_ caFile: String?) throws(Failure) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        do {
            if let caFile {
                let roots = try NIOSSLCertificate.fromPEMFile(caFile)
                configuration.trustRoots = .certificates(roots)
            }
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw Failure(message: "the authorities of \(caFile ?? "the system") cannot be read")
        }
    }
}

/// One request and its answer.
private final class WebExchange: ChannelInboundHandler, Sendable {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let url: URLParts
    private let bytesMax: Int
    private let promise: EventLoopPromise<[UInt8]>
    private let state: NIOLoopBoundBox<State>

    private struct State {
        var isGood = false
        var body: [UInt8] = []
    }

    init(url: URLParts, bytesMax: Int, promise: EventLoopPromise<[UInt8]>) {
        self.url = url
        self.bytesMax = bytesMax
        self.promise = promise
        state = .makeBoxSendingValue(State(), eventLoop: promise.futureResult.eventLoop)
    }

    func channelActive(context: ChannelHandlerContext) {
        var headers = HTTPHeaders()
        headers.add(name: "host", value: url.authority)
        headers.add(name: "accept", value: "application/json")
        headers.add(name: "user-agent", value: "pinion")
        headers.add(name: "connection", value: "close")
        let path = url.path.isEmpty ? "/" : url.path
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): judge(head, context)
        case .body(var piece):
            guard state.value.isGood else { return }
            let bytes = piece.readBytes(length: piece.readableBytes) ?? []
            guard state.value.body.count + bytes.count <= bytesMax else {
                return fail("the answer is larger than \(bytesMax) bytes", context)
            }
            state.value.body += bytes
        case .end:
            if state.value.isGood { promise.succeed(state.value.body) }
            context.close(promise: nil)
        }
    }

    private func judge(_ head: HTTPResponseHead, _ context: ChannelHandlerContext) {
        let status = Int(head.status.code)
        if (300..<400).contains(status) {
            return fail("it answers with a redirect (\(status)), which is not followed", context)
        }
        guard status == 200 else { return fail("it answers with status \(status)", context) }
        let coding = head.headers.first(name: "content-encoding")?.lowercased() ?? "identity"
        guard coding == "identity" else { return fail("the answer is compressed", context) }
        if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }),
            length > bytesMax
        {
            return fail("the answer is larger than \(bytesMax) bytes", context)
        }
        state.value.isGood = true
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail("\(error)", context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(WebClient.Failure(message: "the connection ended before the answer did"))
    }

    private func fail(_ message: String, _ context: ChannelHandlerContext) {
        promise.fail(WebClient.Failure(message: message))
        context.close(promise: nil)
    }
}
