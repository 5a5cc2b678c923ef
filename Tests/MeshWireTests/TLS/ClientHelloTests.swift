// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import Testing

@Suite("hellos of TLS")
struct ClientHelloTests {
    /// A hello of the given parts, as one handshake message.
    private static func message(
        name: String? = "a.test", protocols: [String] = [], versions: [Int] = [0x0304, 0x0303],
        sessionID: Int = 0, more: [(Int, [UInt8])] = []
    ) -> [UInt8] {
        var extensions: [(Int, [UInt8])] = []
        if let name {
            let bytes = Array(name.utf8)
            extensions.append((0, vector(2, [0] + vector(2, bytes))))
        }
        if !protocols.isEmpty {
            extensions.append(
                (16, vector(2, protocols.flatMap { vector(1, Array($0.utf8)) })))
        }
        if !versions.isEmpty {
            extensions.append((43, vector(1, versions.flatMap { number(2, $0) })))
        }
        extensions += more
        let list = extensions.flatMap { number(2, $0.0) + vector(2, $0.1) }
        let body =
            [3, 3] + [UInt8](repeating: 7, count: 32)
            + vector(1, [UInt8](repeating: 9, count: sessionID)) + vector(2, [0x13, 0x01])
            + vector(1, [0]) + vector(2, list)
        return [1] + number(3, body.count) + body
    }

    private static func number(_ width: Int, _ value: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private static func vector(_ width: Int, _ bytes: [UInt8]) -> [UInt8] {
        number(width, bytes.count) + bytes
    }

    /// `message` in records of at most `most` bytes.
    private static func records(_ message: [UInt8], most: Int = 16_384) -> [UInt8] {
        stride(from: 0, to: message.count, by: most).flatMap { start in
            let part = Array(message[start..<min(start + most, message.count)])
            return [22, 3, 1] + vector(2, part)
        }
    }

    private static func read(_ bytes: [UInt8]) -> ClientHello.Reading {
        ClientHello.read(bytes.span.bytes)
    }

    private static func whole(_ message: [UInt8]) throws -> ClientHello {
        let reading = read(records(message))
        guard case .whole(let hello) = reading else {
            Issue.record("\(reading)")
            throw CancellationError()
        }
        return hello
    }

    @Test("name, protocols and versions are read")
    func parts() throws {
        let hello = try Self.whole(Self.message(name: "A.Test", protocols: ["h2", "http/1.1"]))
        #expect(String(decoding: hello.serverName, as: UTF8.self) == "a.test")
        #expect(hello.protocols == [Array("h2".utf8), Array("http/1.1".utf8)])
        #expect(hello.offersTLS13 && !hello.mayResume)
        let bare = try Self.whole(Self.message(name: nil, versions: []))
        #expect(bare.serverName.isEmpty && bare.protocols.isEmpty && !bare.offersTLS13)
    }

    @Test("whatever could name a former session is seen")
    func sessions() throws {
        #expect(try Self.whole(Self.message(more: [(41, [0])])).mayResume)
        #expect(try Self.whole(Self.message(more: [(42, [])])).mayResume)
        #expect(try Self.whole(Self.message(more: [(35, [1])])).mayResume)
        #expect(try !Self.whole(Self.message(more: [(35, [])])).mayResume)
        #expect(try !Self.whole(Self.message(sessionID: 32)).mayResume)
        #expect(try Self.whole(Self.message(versions: [0x0303], sessionID: 32)).mayResume)
        #expect(try Self.whole(Self.message(versions: [], sessionID: 1)).mayResume)
    }

    @Test("a hello may come in any pieces, and every beginning of it asks for more")
    func pieces() throws {
        let message = Self.message(
            protocols: ["h2"], more: [(21, [UInt8](repeating: 0, count: 300))])
        let hello = try Self.whole(message)
        for most in [1, 2, 3, 5, 64, 255, message.count] {
            let bytes = Self.records(message, most: most)
            #expect(Self.read(bytes) == .whole(hello), "records of \(most)")
            for count in 0..<bytes.count {
                #expect(Self.read(Array(bytes[..<count])) == .incomplete, "\(count) of \(most)")
            }
            // What comes behind is somebody else's.
            #expect(Self.read(bytes + [20, 3, 3, 0, 1, 1]) == .whole(hello))
        }
    }

    @Test("what is not TLS is told from what is wrong")
    func others() {
        for text in ["GET / HTTP/1.1\r\n", "PRI * HTTP/2.0", "\u{80}.", "SSH-2.0-x"] {
            #expect(Self.read(Array(text.utf8)) == .notTLS, "\(text)")
        }
        let message = Self.message()
        func wrong(_ bytes: [UInt8]) -> Bool {
            if case .malformed = Self.read(bytes) { true } else { false }
        }
        #expect(wrong([22, 3, 1, 0, 0]))
        #expect(wrong([22, 3, 1, 0x40, 1]))
        #expect(wrong(Self.records([2] + message.dropFirst())))
        #expect(wrong(Self.records(message, most: 10).prefix(15) + [23, 3, 3, 0, 1, 0]))
        #expect(wrong(Self.records([1, 0, 0xFF, 0xFF] + message)))
        #expect(wrong(Self.records(Self.message(more: [(0, [0])]))), "a name twice")
        #expect(wrong(Self.records(Self.message(more: [(9, []), (9, [])]))))
        for name in ["", "a test", "a.test.", "a\u{0}b", "[::1]", "bücher.test"] {
            #expect(wrong(Self.records(Self.message(name: name))), "\(name)")
        }
        #expect(wrong(Self.records(Self.message(name: String(repeating: "a", count: 256)))))
        #expect(wrong(Self.records(Self.message(protocols: [""]))))
    }

    @Test("no bytes make it do anything but answer")
    func noise() {
        var random = SplitMix64(seed: 20_261_127)
        let message = Self.message(protocols: ["h2"], more: [(41, [0, 1, 2, 3])])
        for _ in 0..<20_000 {
            var bytes = Self.records(message, most: Int.random(in: 1...400, using: &random))
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                bytes[place] = UInt8.random(in: 0...255, using: &random)
            }
            bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random) / 4)
            _ = Self.read(bytes)
        }
    }
}
