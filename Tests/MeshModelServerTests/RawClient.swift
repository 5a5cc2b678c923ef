// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator
import NIOCore
import NIOPosix
import Testing

@testable import MeshModelServer

/// What came back on a connection of its own.
struct RawResponse {
    /// Every byte, head included.
    var bytes: [UInt8] = []
    /// Whether the connection ended by a reset.
    var wasReset = false

    var text: String { String(decoding: bytes, as: UTF8.self) }

    var status: Int { Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0 }

    /// Where the head ends, its empty line included.
    private var headEnd: Int {
        let mark: [UInt8] = [13, 10, 13, 10]
        var i = 0
        while i + 4 <= bytes.count, !bytes[i...].starts(with: mark) { i += 1 }
        return Swift.min(i + 4, bytes.count)
    }

    /// The head in lower case.
    var head: String { String(decoding: bytes[..<headEnd], as: UTF8.self).lowercased() }

    /// The body, with the framing of chunks taken out.
    var body: String {
        var left = bytes[headEnd...]
        guard head.contains("transfer-encoding: chunked") else {
            return String(decoding: left, as: UTF8.self)
        }
        var out: [UInt8] = []
        while let end = left.firstIndex(of: 0x0A) {
            let size = String(decoding: left[..<end].filter { $0 != 0x0D }, as: UTF8.self)
            guard let count = Int(size, radix: 16), count > 0 else { break }
            out += left[(end + 1)...].prefix(count)
            left = left[(end + 1)...].dropFirst(count + 2)
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Whether the last chunk came.
    var isComplete: Bool { text.hasSuffix("0\r\n\r\n") }

    var json: JSON { (try? JSON(parsing: Array(body.utf8))) ?? .null }

    /// The data of each event.
    var events: [String] {
        let lines = body.split(separator: "\n").filter { $0.hasPrefix("data: ") }
        return lines.map { String($0.dropFirst(6)) }
    }

    /// The data of each event that is JSON.
    var chunks: [JSON] { events.compactMap { try? JSON(parsing: Array($0.utf8)) } }
}

extension RawResponse: CustomTestStringConvertible {
    var testDescription: String { "response \(status) of \(bytes.count) bytes" }
}

/// A client that speaks just enough HTTP/1.1, on a connection of its own for each request.
struct RawClient {
    let port: Int
    static let group = MultiThreadedEventLoopGroup.singleton

    func get(_ path: String, _ headers: [(String, String)] = []) async throws -> RawResponse {
        try await send("GET", path, "", headers)
    }

    func post(
        _ path: String, _ body: JSON, _ headers: [(String, String)] = [],
        until isEnough: (RawResponse) async -> Bool = { _ in false }
    ) async throws -> RawResponse {
        let text = String(decoding: body.bytes, as: UTF8.self)
        return try await send("POST", path, text, headers, until: isEnough)
    }

    /// Sends one request and reads until the server closes, or until it is enough, whereupon
    /// the client leaves.
    func send(
        _ method: String, _ path: String, _ body: String, _ headers: [(String, String)] = [],
        until isEnough: (RawResponse) async -> Bool = { _ in false }
    ) async throws -> RawResponse {
        let channel = try await ClientBootstrap(group: Self.group).connect(
            host: "127.0.0.1", port: port
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
        var request = "\(method) \(path) HTTP/1.1\r\nhost: test\r\nconnection: close\r\n"
        for (name, value) in headers { request += "\(name): \(value)\r\n" }
        request += "content-length: \(body.utf8.count)\r\n\r\n\(body)"
        let whole = request
        return try await channel.executeThenClose { inbound, outbound in
            var response = RawResponse()
            try await outbound.write(ByteBuffer(string: whole))
            do {
                for try await buffer in inbound {
                    response.bytes += buffer.readableBytesView
                    if await isEnough(response) { break }
                }
            } catch {
                response.wasReset = true
            }
            return response
        }
    }

    /// Waits until the member `name` of `/sim/stats` is `value`; answers false after ten seconds.
    func waits(for name: String, toBe value: Int) async throws -> Bool {
        for _ in 0..<1000 {
            if try await stat(name) == value { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    /// The member `name` of `/sim/stats`, of the server or else of its engine.
    func stat(_ name: String) async throws -> Int {
        let stats = try await get("/sim/stats").json
        return (stats[name] ?? stats["engine"]?[name])?.whole ?? -1
    }
}

/// Runs `body` against a server of its own.
func withServer(
    _ profile: EngineProfile = .instant,
    _ change: (inout ModelServerOptions) -> Void = { _ in },
    _ body: (RawClient, ModelServer) async throws -> Void
) async throws {
    var options = ModelServerOptions()
    options.profile = profile
    options.models = ["tiny", "org/large"]
    options.grace = .milliseconds(500)
    change(&options)
    let server = try await ModelServer.start(options, group: RawClient.group)
    do {
        try await body(RawClient(port: server.port), server)
    } catch {
        await server.stop()
        throw error
    }
    await server.stop()
}

/// A chat request of one message.
func chat(_ text: String = "why rivers?", _ more: (String, JSON)...) -> JSON {
    .members(
        [
            ("model", "tiny"),
            ("messages", [["role": "user", "content": .string(text)]]),
        ] + more)
}
