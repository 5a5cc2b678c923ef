// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshWire
import Testing

@Suite("Requests that other proxies ask about")
struct AskedRequestTests {
    private func asked(
        _ method: String = "GET", _ target: String = "/a?b=c", host: String = "h.test",
        fields: [(String, String)] = [], isMerged: Bool = false, body: String? = nil,
        size: Int? = 0
    ) -> AskedRequest {
        AskedRequest(
            method: bytes(method), target: bytes(target), host: bytes(host),
            fields: fields.map { (bytes($0.0), bytes($0.1)) }, isMerged: isMerged,
            source: bytes("10.0.0.9"), body: body.map { bytes($0) }, size: size)
    }

    @Test("become a head that is read as any other")
    func head() throws {
        let fields = [
            (":method", "DELETE"), (":path", "/admin"), ("x-team", "a"), ("Connection", "close"),
            ("content-length", "9"), ("host", "other"), ("transfer-encoding", "chunked"),
        ]
        let text = try #require(asked("POST", fields: fields, body: "12345", size: 5).head())
        #expect(
            String(decoding: text, as: UTF8.self)
                == "POST /a?b=c HTTP/1.1\r\nhost: h.test\r\nx-team: a\r\ncontent-length: 5\r\n\r\n")
        var parsed = RequestHead()
        let isWhole = try parsed.parse(text.span.bytes, limits: HeadLimits())
        #expect(isWhole && parsed.framing == .length(5))
    }

    @Test("a body that was not sent along is announced all the same")
    func withheld() throws {
        let sized = try #require(asked("POST", size: 77).head())
        #expect(String(decoding: sized, as: UTF8.self).contains("content-length: 77\r\n"))
        let chunked = try #require(
            asked("POST", fields: [("Transfer-Encoding", "chunked")], size: nil).head(closes: true))
        #expect(
            String(decoding: chunked, as: UTF8.self)
                .hasSuffix("transfer-encoding: chunked\r\nconnection: close\r\n\r\n"))
    }

    @Test(
        "fields that may have been joined are taken apart, so that two values never look like one")
    func merged() throws {
        let text = try #require(
            asked(fields: [("x-team", "blocked,search"), ("x-empty", "")], isMerged: true).head())
        let written = String(decoding: text, as: UTF8.self)
        #expect(written.contains("x-team: blocked\r\nx-team: search\r\n"))
        #expect(written.contains("x-empty: \r\n"))
    }

    @Test(
        "nothing can write lines of its own",
        arguments: [
            ("GET\r\nx: y", "/", "h", "a", "b"), ("GET", "/ HTTP/1.1\r\nx: y", "h", "a", "b"),
            ("GET", "a", "h", "a", "b"), ("GET", "http://x/", "h", "a", "b"),
            ("", "/", "h", "a", "b"),
            ("GET", "/", "h\r\nx: y", "a", "b"), ("GET", "/", "h", "a:b", "c"),
            ("GET", "/", "h", "a", "b\r\nx: y"), ("GET", "/", "h", "a", "b\0"),
            ("GET", "/", "h", "", "b"),
        ])
    func injection(
        method: String, target: String, host: String, name: String, value: String
    ) {
        #expect(asked(method, target, host: host, fields: [(name, value)]).head() == nil)
    }

    @Test("nginx names the request in three fields, each of which must be there once")
    func nginx() throws {
        func asked(_ fields: String) throws -> AskedRequest? {
            let text = bytes("GET /auth HTTP/1.0\r\nHost: h.test\r\n\(fields)\r\n")
            var head = RequestHead()
            let isWhole = try head.parse(text.span.bytes, limits: HeadLimits())
            try #require(isWhole)
            return AskedRequest(nginx: head, text.span.bytes)
        }
        let good = "X-Original-Method: PUT\r\nX-Original-URI: /x?y\r\nX-Real-IP: 10.0.0.1\r\n"
        let found = try #require(try asked(good + "X-Team: a\r\n"))
        #expect(found.source == bytes("10.0.0.1"))
        let text = try #require(found.head())
        #expect(
            String(decoding: text, as: UTF8.self)
                == "PUT /x?y HTTP/1.1\r\nhost: h.test\r\nX-Team: a\r\n\r\n")
        for line in good.split(separator: "\r\n") {
            #expect(try asked(good.replacing(line + "\r\n", with: "")) == nil, "without \(line)")
            #expect(try asked(good + line + "\r\n") == nil, "\(line) twice")
        }
    }
}
