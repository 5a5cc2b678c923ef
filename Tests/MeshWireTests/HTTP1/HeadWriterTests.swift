// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import Testing

/// The end-to-end fields of a request with the given field lines, as text.
private func kept(
    _ lines: [String], dropping: FieldSet = [], also: [String] = []
) throws -> String {
    let text = "GET / HTTP/1.1\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
    let bytes = latin(text)
    let head = try request(text)
    var out: [UInt8] = []
    HeadWriter.appendEndToEndFields(
        of: head.fields, bytes: bytes.span.bytes, dropping: dropping, also: also.map(latin),
        to: &out)
    return out.span.bytes.text
}

@Suite struct HeadWriterTests {
    @Test("fields that end at each hop are left out and the rest is copied as it is")
    func hopByHop() throws {
        let lines = [
            "A: 1", "Host: h", "Connection: x-gone, Keep-Alive", "Keep-Alive: 5", "B:\t2 ",
            "Proxy-Connection: x", "X-Gone: 1", "Proxy-Authenticate: x", "TE: trailers",
            "Proxy-Authorization: x", "C: 3", "Trailer: x", "Upgrade: x", "HTTP2-Settings: x",
            "Expect: 100-continue", "Transfer-Encoding: chunked",
        ]
        #expect(try kept(lines) == "A: 1\r\nHost: h\r\nB:\t2 \r\nC: 3\r\n")
        #expect(try kept(lines + ["D: 4"]).hasSuffix("C: 3\r\nD: 4\r\n"))
    }

    @Test("the caller drops more by known name, by name and by prefix")
    func dropping() throws {
        let lines = [
            "Host: h", "Content-Length: 1", "X-Mesh-A: 1", "x-mesh: 2", "Secret: 3", "Z: 4",
        ]
        #expect(
            try kept(lines, dropping: FieldSet(names: [.host, .contentLength]), also: ["secret"])
                == "X-Mesh-A: 1\r\nx-mesh: 2\r\nZ: 4\r\n")
        #expect(
            try kept(lines, dropping: FieldSet(.contentLength), also: ["x-mesh-*", "host"])
                == "x-mesh: 2\r\nSecret: 3\r\nZ: 4\r\n")
        #expect(try kept(["Host: h"], dropping: FieldSet(.host)) == "")
    }

    @Test("Connection cannot remove fields that say who sent the message or where it goes")
    func protected() throws {
        let lines = [
            "Host: h", "Connection: host, x-forwarded-for, authorization, close, user-agent",
            "X-Forwarded-For: 1", "Authorization: a", "User-Agent: u",
        ]
        #expect(try kept(lines) == "Host: h\r\nX-Forwarded-For: 1\r\nAuthorization: a\r\n")
    }

    @Test(
        "the request line is written in origin-form",
        arguments: [
            ("GET /a?b HTTP/1.0", "GET /a?b HTTP/1.1"),
            ("BREW /a? HTTP/1.1", "BREW /a? HTTP/1.1"),
            ("GET http://o/p?q HTTP/1.1", "GET /p?q HTTP/1.1"),
            ("GET http://o HTTP/1.1", "GET / HTTP/1.1"),
            ("GET http://o?q HTTP/1.1", "GET /?q HTTP/1.1"),
            ("OPTIONS http://o HTTP/1.1", "OPTIONS * HTTP/1.1"),
            ("OPTIONS http://o?q HTTP/1.1", "OPTIONS /?q HTTP/1.1"),
            ("OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1"),
            ("CONNECT o:1 HTTP/1.1", "CONNECT o:1 HTTP/1.1"),
        ])
    func requestLine(_ given: String, _ expected: String) throws {
        let text = given + "\r\nHost: h\r\n\r\n"
        let bytes = latin(text)
        var out: [UInt8] = []
        HeadWriter.appendRequestLine(of: try request(text), bytes: bytes.span.bytes, to: &out)
        #expect(out.span.bytes.text == expected + "\r\n")
    }

    @Test("status lines, fields, framing and chunks are written")
    func pieces() throws {
        var out: [UInt8] = []
        let text = "HTTP/1.0 404 No\r\n\r\n"
        let bytes = latin(text)
        HeadWriter.appendStatusLine(of: try response(text), bytes: bytes.span.bytes, to: &out)
        HeadWriter.appendStatusLine(503, "Busy", to: &out)
        HeadWriter.appendField("a", "b", to: &out)
        HeadWriter.appendField("n", 42, to: &out)
        HeadWriter.appendFraming(.length(7), to: &out)
        HeadWriter.appendFraming(.chunked, to: &out)
        HeadWriter.appendFraming(.none, to: &out)
        HeadWriter.appendChunkHead(255, to: &out)
        HeadWriter.appendLastChunk(to: &out)
        #expect(
            out.span.bytes.text
                == "HTTP/1.1 404 No\r\nHTTP/1.1 503 Busy\r\na: b\r\nn: 42\r\ncontent-length: 7\r\n"
                + "transfer-encoding: chunked\r\nff\r\n0\r\n\r\n")
    }

    @Test("a value that could start another line is not written")
    func injection() {
        var out: [UInt8] = []
        for value in ["a\r\nx: y", "a\n", "a\r", "\u{0}", "a\u{7f}"] {
            let bytes = latin(value)
            #expect(!HeadWriter.appendField("n", bytes.span.bytes, to: &out))
        }
        #expect(out.isEmpty)
        let fine = latin("a\tb\u{e9}")
        #expect(HeadWriter.appendField("n", fine.span.bytes, to: &out))
        #expect(out == latin("n: a\tb\u{e9}\r\n"))
    }
}
