// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import Testing

@testable import MeshGRPC

@Suite("PINGs of gRPC peers")
struct FrameWalkTests {
    private let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt8 = 0, _ payload: [UInt8])
        -> [UInt8]
    {
        [0, UInt8(payload.count >> 8), UInt8(payload.count & 255), type, flags, 0, 0, 0, stream]
            + payload
    }

    private func ping(_ number: UInt8, flags: UInt8 = 0) -> [UInt8] {
        frame(6, flags: flags, [UInt8](repeating: number, count: 8))
    }

    /// A connection with everything in it that a walk must tell apart.
    private var connection: (bytes: [UInt8], rest: [UInt8], pings: [[UInt8]]) {
        let data = frame(0, stream: 1, [UInt8](repeating: 6, count: 300))
        // The answer to a PING of ours, one on a stream, and one of a wrong length are not ours.
        let strange = ping(9, flags: 1) + frame(6, stream: 3, ping(1).suffix(8)) + frame(6, [1, 2])
        let bytes =
            preface + frame(4, []) + ping(1) + ping(2) + data + ping(3) + strange + data + ping(4)
        let rest = preface + frame(4, []) + data + strange + data
        return (bytes, rest, [1, 2, 3, 4].map { [UInt8](repeating: $0, count: 8) })
    }

    @Test(
        "are found wherever the pieces begin and end",
        arguments: [1, 2, 3, 7, 9, 16, 17, 100, 10_000])
    func pieces(size: Int) {
        let (bytes, rest, pings) = connection
        var walk = FrameWalk(fromClient: true)
        var passed = 0
        var found: [[UInt8]] = []
        var at = 0
        while at < bytes.count {
            let end = min(bytes.count, at + size)
            for part in walk.take(bytes[at..<end]) {
                switch part {
                case .other(let count): passed += count
                case .ping(let payload): found.append(payload)
                }
            }
            at = end
        }
        #expect(found == pings && passed == rest.count && walk.isAtBoundary)
    }

    @Test(
        "are answered at the end of a frame of ours, and nothing else is changed",
        arguments: [1, 5, 17, 4096])
    func absorbed(size: Int) throws {
        let (bytes, rest, pings) = connection
        let channel = EmbeddedChannel(handler: PingAbsorber(isServer: true))
        defer { _ = try? channel.finish() }
        // A frame of ours has begun: its head is out, its payload is not.
        let ours = frame(0, stream: 1, [1, 2, 3])
        try channel.writeOutbound(ByteBuffer(bytes: ours[..<9]))
        var at = 0
        while at < bytes.count {
            let end = min(bytes.count, at + size)
            try channel.writeInbound(ByteBuffer(bytes: bytes[at..<end]))
            at = end
        }
        var passed: [UInt8] = []
        while let buffer = try channel.readInbound(as: ByteBuffer.self) {
            passed += Array(buffer.readableBytesView)
        }
        #expect(passed == rest)
        #expect(try Self.outbound(channel) == Array(ours[..<9]), "not within a frame")
        try channel.writeOutbound(ByteBuffer(bytes: ours[9...]))
        let answers = pings.flatMap { frame(6, flags: 1, $0) }
        #expect(try Self.outbound(channel) == Array(ours[9...]) + answers)
    }

    @Test("are left to others when there are too many of them")
    func bound() throws {
        let channel = EmbeddedChannel(handler: PingAbsorber(isServer: false))
        defer { _ = try? channel.finish() }
        let count = PingAbsorber.perSecond * 3
        for _ in 0..<count { try channel.writeInbound(ByteBuffer(bytes: ping(1))) }
        var passed = 0
        while let buffer = try channel.readInbound(as: ByteBuffer.self) {
            passed += buffer.readableBytes
        }
        // The second may have turned while they came.
        #expect(passed >= 17 * PingAbsorber.perSecond && passed < 17 * count)
    }

    private static func outbound(_ channel: EmbeddedChannel) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) {
            bytes += Array(buffer.readableBytesView)
        }
        return bytes
    }
}
