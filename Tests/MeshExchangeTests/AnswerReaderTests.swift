// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshWire
import Testing

@Suite("Reading an answer that no caller gets")
struct AnswerReaderTests {
    private struct Run {
        var reader: AnswerReader
        var progress = AnswerReader.Progress.more
    }

    /// Reads `text` in pieces of at most `piece` bytes, a millisecond apart.
    private func read(
        _ text: String, piece: Int = .max, keeping bytesMax: Int = 1_000,
        method: HTTPMethod = .post
    ) -> Run {
        var run = Run(reader: AnswerReader(method: method, bytesMax: bytesMax))
        let bytes = Array(text.utf8)
        var waiting: [UInt8] = []
        var at = 0
        var now = Instant(nanoseconds: 1_000_000_000)
        repeat {
            let end = piece >= bytes.count - at ? bytes.count : at + piece
            waiting += bytes[at..<end]
            at = end
            var used = 0
            run.progress = run.reader.read(waiting.span.bytes, used: &used, at: now)
            waiting.removeFirst(used)
            now = now + .milliseconds(1)
        } while at < bytes.count && run.progress == .more
        return run
    }

    @Test(
        "an answer is read whole, however it is framed and cut", arguments: [1, 2, 3, 7, 50, .max])
    func framings(piece: Int) {
        for framing in [
            "content-length: 5\r\n\r\nhello",
            "transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
        ] {
            let found = read(
                "HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 201 OK\r\n\(framing)", piece: piece)
            #expect(found.progress == .whole)
            #expect(found.reader.status == 201)
            #expect(String(decoding: found.reader.body, as: UTF8.self) == "hello")
            #expect(!found.reader.isOver)
        }
        var open = read("HTTP/1.1 200 OK\r\n\r\nhello", piece: piece)
        #expect(open.progress == .more && open.reader.peerClosed())
        #expect(String(decoding: open.reader.body, as: UTF8.self) == "hello")
    }

    @Test("an answer without a body is whole with its head")
    func empty() {
        #expect(read("HTTP/1.1 204 No\r\n\r\n").progress == .whole)
        let head = read("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", method: .head)
        #expect(head.progress == .whole)
    }

    @Test("no more is kept than may be, and it is still known when the answer ends")
    func bounded() {
        let body = String(repeating: "x", count: 5_000)
        let found = read("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n\(body)", piece: 777)
        #expect(found.progress == .whole)
        #expect(found.reader.body.count == 1_000 && found.reader.isOver)
    }

    @Test("a stream begins with its first event, anything else with its head")
    func beginning() {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; x=y\r\n\r\n"
        let stream = read(head + "data: 1\n\n", piece: head.utf8.count)
        #expect(stream.reader.began == Instant(nanoseconds: 1_001_000_000))
        let plain = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
        let document = read(plain + "{}", piece: plain.utf8.count)
        #expect(document.reader.began == Instant(nanoseconds: 1_000_000_000))
    }

    @Test(
        "what is no answer is told from one that is cut",
        arguments: [
            ("HTTP/2 200\r\n\r\n", true), ("nonsense\r\n\r\n", true),
            ("HTTP/1.1 101 Switching\r\n\r\n", true), ("HTTP/1.1 200 OK\r\n", false),
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe", false),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", true),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n", false),
        ])
    func broken(text: String, isMalformed: Bool) {
        var found = read(text)
        #expect(found.progress == (isMalformed ? .malformed : .more))
        #expect(isMalformed || !found.reader.peerClosed())
    }

    @Test("informational heads without end are no answer")
    func informational() {
        let early = "HTTP/1.1 103 Early\r\n\r\n"
        let good = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        #expect(read(String(repeating: early, count: 16) + good).progress == .whole)
        #expect(read(String(repeating: early, count: 17) + good).progress == .malformed)
    }
}
