// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import Testing

/// What a walk over a whole body found.
private struct Walk: Hashable {
    var payload: [UInt8] = []
    var forwarded: [UInt8] = []
    var isComplete = false
    var sawExtras = false
    var code: Violation.Code?
    var rest = 0
}

/// Walks `bytes` cut into the given pieces, once for the payload and once for forwarding.
private func walk(
    _ bytes: [UInt8], _ framing: BodyFraming = .chunked, pieces: [Int] = [],
    limits: HeadLimits = HeadLimits()
) -> Walk {
    var result = Walk()
    var reader = BodyReader(framing, limits: limits)
    var relay = reader
    var start = 0
    for size in pieces + [bytes.count] {
        let end = min(start + size, bytes.count)
        let span = bytes.span.bytes.extracting(start..<end)
        var offset = 0
        do {
            loop: while true {
                switch try reader.next(span, at: &offset) {
                case .payload(let range): result.payload.append(span.extracting(range.range))
                case .end, .needMore: break loop
                }
            }
        } catch { result.code = error.code }
        var relayOffset = 0
        do {
            loop: while true {
                switch try relay.relay(span, at: &relayOffset) {
                case .forward(let range): result.forwarded.append(span.extracting(range.range))
                case .end, .needMore: break loop
                }
            }
            #expect(relayOffset == offset)
        } catch { #expect(result.code == error.code) }
        start += offset
        if result.code != nil || reader.isComplete { break }
    }
    result.isComplete = reader.isComplete
    result.sawExtras = reader.sawExtras
    #expect(relay.isComplete == reader.isComplete)
    #expect(relay.sawExtras == reader.sawExtras)
    result.rest = bytes.count - start
    return result
}

private let badBodies: [(Violation.Code, String)] = [
    (.badChunkSize, "0x1\r\na\r\n0\r\n\r\n"), (.badChunkSize, "+1\r\na\r\n0\r\n\r\n"),
    (.badChunkSize, "-1\r\na\r\n0\r\n\r\n"), (.badChunkSize, "1_0\r\na\r\n0\r\n\r\n"),
    (.badChunkSize, "\r\na\r\n"), (.badChunkSize, ";x\r\na\r\n"), (.badChunkSize, " 1\r\na\r\n"),
    (.badChunkSize, "1 \r\na\r\n"), (.badChunkSize, "1 ;x\r\na\r\n"), (.badChunkSize, "1\t\r\n"),
    (.badChunkSize, "g\r\n"), (.badChunkSize, "00000000000000001\r\na\r\n0\r\n\r\n"),
    (.badChunkSize, "8000000000000000\r\n"), (.badChunkSize, "ffffffffffffffff\r\n"),
    (.badChunkSize, "1\u{0}\r\n"), (.bareLF, "1\na\r\n"), (.bareCR, "1\ra\r\n"),
    (.bareCR, "1\r\r\na"), (.badChunkEnd, "1\r\nab\r\n"), (.badChunkEnd, "1\r\na\n0\r\n\r\n"),
    (.badChunkEnd, "1\r\na\r0\r\n\r\n"), (.badChunkEnd, "1\r\na0\r\n\r\n"),
    (.badChunkExtension, "1;\r\na"), (.badChunkExtension, "1;a;\r\n"),
    (.badChunkExtension, "1;;a\r\n"), (.badChunkExtension, "1; a\r\n"),
    (.badChunkExtension, "1;a=\r\n"), (.badChunkExtension, "1;=a\r\n"),
    (.badChunkExtension, "1;a=b=c\r\n"), (.badChunkExtension, "1;a=\"b\r\n"),
    (.badChunkExtension, "1;a=\"b\"c\r\n"), (.badChunkExtension, "1;a=\"\u{0}\"\r\n"),
    (.badChunkExtension, "1;a\u{b}\r\n"), (.badChunkExtension, "1;a\"\r\n"),
    (.bareLF, "1;a\nb\r\n"), (.bareLF, "1;a=\"\n\"\r\n"), (.bareCR, "1;a\rb\r\n"),
    (.badTrailer, "0\r\nGET / HTTP/1.1\r\n\r\n"), (.badTrailer, "0\r\n: x\r\n\r\n"),
    (.badTrailer, "0\r\na : x\r\n\r\n"), (.badTrailer, "0\r\n a: x\r\n\r\n"),
    (.badTrailer, "0\r\na: x\r\n b\r\n\r\n"), (.badTrailer, "0\r\na\r\n\r\n"),
    (.badTrailer, "0\r\na: \u{0}\r\n\r\n"), (.bareLF, "0\r\na: b\n\r\n"), (.bareLF, "0\r\n\n"),
    (.bareCR, "0\r\na: b\rc\r\n\r\n"), (.bareCR, "0\r\n\rX"), (.bareCR, "0\r\r\n\r\n"),
]

private let goodBodies: [(String, payload: String, forwarded: String)] = [
    ("0\r\n\r\n", "", "0\r\n\r\n"),
    ("000\r\n\r\n", "", "000\r\n\r\n"),
    ("5\r\nhello\r\n0\r\n\r\n", "hello", "5\r\nhello\r\n0\r\n\r\n"),
    ("a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n", "0123456789abcdefghij", ""),
    ("0000000000000001\r\nx\r\n0\r\n\r\n", "x", ""),
    ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", ""),
    ("5;a=b;c;d=\"e; \\\"f\"\r\nhello\r\n0;z\r\n\r\n", "hello", "5\r\nhello\r\n0\r\n\r\n"),
    ("1\r\nx\r\n0\r\nVary: *\r\nhost:a\r\n\r\n", "x", "1\r\nx\r\n0\r\n\r\n"),
    (
        "1;a\r\nx\r\n1\r\ny\r\n0\r\n:x\r\n\r\n".replacing(":x", with: "t:"), "xy",
        "1\r\nx\r\n1\r\ny\r\n0\r\n\r\n"
    ),
]

@Suite struct BodyReaderTests {
    @Test("malformed chunks are refused at every cut")
    func refusesChunks() {
        for (code, text) in badBodies {
            let bytes = latin(text)
            let whole = walk(bytes)
            #expect(whole.code == code, "\(text.debugDescription)")
            for cut in 0...bytes.count {
                #expect(walk(bytes, pieces: [cut]).code == code, "\(text.debugDescription) \(cut)")
            }
            let single = walk(bytes, pieces: Array(repeating: 1, count: bytes.count))
            #expect(single.code == code)
        }
    }

    @Test("chunked bodies give the same payload at every cut, and forward only clean chunks")
    func chunks() {
        for (text, payload, expected) in goodBodies {
            let bytes = latin(text) + latin("NEXT")
            let whole = walk(bytes)
            #expect(whole.payload == latin(payload))
            #expect(whole.isComplete && whole.code == nil && whole.rest == 4)
            #expect(whole.forwarded == latin(expected.isEmpty ? text : expected))
            #expect(whole.sawExtras == (whole.forwarded != latin(text)))
            #expect(walk(bytes, pieces: Array(repeating: 1, count: bytes.count)) == whole)
            for first in 0...bytes.count {
                for second in 0...(bytes.count - first) {
                    #expect(walk(bytes, pieces: [first, second]) == whole, "\(first) \(second)")
                }
            }
        }
    }

    @Test("random chunkings of random bodies give the body back")
    func property() {
        for seed: UInt64 in 0..<300 {
            var random = SplitMix64(seed: seed)
            let body = (0..<Int(random.next() % 200)).map { _ in UInt8(random.next() & 0xff) }
            var wire: [UInt8] = []
            var at = 0
            while at < body.count {
                let size = min(body.count - at, 1 + Int(random.next() % 40))
                HeadWriter.appendChunkHead(size, to: &wire)
                wire += body[at..<at + size]
                HeadWriter.appendEnd(to: &wire)
                at += size
            }
            HeadWriter.appendLastChunk(to: &wire)
            let pieces = wire.map { _ in Int(random.next() % 9) }
            let found = walk(wire, pieces: pieces)
            #expect(found.payload == body, "seed \(seed)")
            #expect(found.forwarded == wire, "seed \(seed)")
            #expect(found.isComplete && !found.sawExtras, "seed \(seed)")
        }
    }

    @Test("a body of known length ends there and leaves what follows")
    func length() {
        let found = walk(latin("helloNEXT"), .length(5))
        #expect(found.payload == latin("hello") && found.isComplete && found.rest == 4)
        #expect(walk(latin("NEXT"), .length(0)).rest == 4)
        #expect(walk(latin("NEXT"), .none).rest == 4)
        #expect(!walk(latin("hell"), .length(5)).isComplete)
        var reader = BodyReader(.length(9), limits: HeadLimits())
        #expect(reader.remaining == 9 && reader.isAtBoundary)
        let ended = reader.peerClosed()
        #expect(!ended)
    }

    @Test("a body until close takes everything and ends with the connection")
    func untilClose() throws {
        #expect(walk(latin("abc"), .untilClose).payload == latin("abc"))
        var reader = BodyReader(.untilClose, limits: HeadLimits())
        var offset = 0
        let bytes = latin("abc")
        #expect(try reader.next(bytes.span.bytes, at: &offset) == .payload(ByteRange(0, 3)))
        #expect(try reader.next(bytes.span.bytes, at: &offset) == .needMore)
        #expect(reader.remaining == nil)
        let ended = reader.peerClosed()
        #expect(ended && reader.isComplete)
    }

    @Test("a chunked body cut short is not complete")
    func truncated() {
        let bytes = latin("5\r\nhello\r\n0\r\n\r\n")
        for cut in 0..<bytes.count {
            var reader = BodyReader(.chunked, limits: HeadLimits())
            var offset = 0
            while case .payload? = try? reader.next(
                bytes.span.bytes.extracting(0..<cut), at: &offset)
            {}
            let ended = reader.peerClosed()
            #expect(!ended, "\(cut)")
        }
    }

    @Test("only between chunks is a boundary")
    func boundary() throws {
        let bytes = latin("5\r\nhello\r\n1\r\nx\r\n")
        var found: [Int] = []
        var reader = BodyReader(.chunked, limits: HeadLimits())
        for i in 0...bytes.count {
            if reader.isAtBoundary { found.append(i) }
            guard i < bytes.count else { break }
            var offset = 0
            let span = bytes.span.bytes.extracting(i..<i + 1)
            while case .payload = try reader.next(span, at: &offset) {}
        }
        #expect(found == [0, 10, 16])
    }

    @Test("extensions and trailers are bounded")
    func bounds() {
        var limits = HeadLimits()
        limits.chunkExtensionBytesMax = 4
        limits.trailerBytesMax = 6
        #expect(walk(latin("1;abc\r\nx\r\n0\r\n\r\n"), limits: limits).isComplete)
        #expect(walk(latin("1;abcd\r\nx\r\n"), limits: limits).code == .badChunkExtension)
        #expect(walk(latin("0\r\na: b\r\n\r\n"), limits: limits).isComplete)
        #expect(walk(latin("0\r\na: bc\r\n\r\n"), limits: limits).code == .badTrailer)
        let many = String(repeating: "1;abc\r\nx\r\n", count: 65)
        #expect(walk(latin(many), limits: limits).code == .badChunkExtension)
    }

    @Test("a violation is repeated, and is 502 for a response")
    func repeated() {
        for (isResponse, status) in [(false, 400), (true, 502)] {
            var reader = BodyReader(.chunked, limits: HeadLimits(), ofResponse: isResponse)
            let bytes = latin("x")
            for _ in 0..<2 {
                var offset = 0
                do {
                    _ = try reader.next(bytes.span.bytes, at: &offset)
                    Issue.record("nothing was thrown")
                } catch {
                    #expect(error.code == .badChunkSize && error.status == status)
                }
            }
            let ended = reader.peerClosed()
            #expect(!ended)
        }
    }
}
