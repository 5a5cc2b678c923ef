// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import Testing

/// One response that must be refused, and how.
struct RefusedResponse: Sendable, CustomTestStringConvertible {
    var code: Violation.Code
    var text: String

    init(_ code: Violation.Code, _ text: String) {
        self.code = code
        self.text = text
    }

    var testDescription: String { "\(code): \(text.debugDescription)" }
}

private func ok(_ lines: String...) -> String {
    "HTTP/1.1 200 OK\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
}

private let bad: [RefusedResponse] = [
    .init(.badVersion, "HTTP/2.0 200 OK\r\n\r\n"),
    .init(.badVersion, "HTTP/0.9 200 OK\r\n\r\n"),
    .init(.badVersion, "HTP/1.1 200 OK\r\n\r\n"),
    .init(.badVersion, "http/1.1 200 OK\r\n\r\n"),
    .init(.badVersion, "ICY/1.1 200 OK\r\n\r\n"),
    .init(.badVersion, "HTTP/11.1 200 OK\r\n\r\n"),
    .init(.badStatusLine, "HTTP/1.1  200 OK\r\n\r\n"),
    .init(.badStatusLine, "HTTP/1.1\t200 OK\r\n\r\n"),
    .init(.badStatusLine, "HTTP/1.01 200 OK\r\n\r\n"),
    .init(.badStatusLine, "HTTP/1.1 20 OK\r\n\r\n"),
    .init(.badStatusLine, "HTTP/1.1 2000 OK\r\n\r\n"),
    .init(.badStatusLine, "HTTP/1.1 099 OK\r\n\r\n"),
    .init(.badStatusLine, "HTTP/1.1 600 OK\r\n\r\n"),
    .init(.badStatusLine, "HTTP/1.1 +20 OK\r\n\r\n"),
    .init(.badStatusLine, "HTTP/1.1 2x0 OK\r\n\r\n"),
    .init(.badStatusLine, "HTTP/1.1 200OK\r\n\r\n"),
    .init(.badStatusLine, "HTTP/1.1 200\tOK\r\n\r\n"),
    .init(.badStatusLine, "HTTP/1.1 200 O\u{0}K\r\n\r\n"),
    .init(.badStatusLine, "\r\nHTTP/1.1 200 OK\r\n\r\n"),
    .init(.bareCR, "HTTP/1.1 200 OK\rx: y\r\n\r\n"),
    .init(.bareLF, "HTTP/1.1 200 OK\n\n"),
    .init(.badFieldName, "HTTP/1.1 200 OK\r\n x: y\r\n\r\n"),
    .init(.obsoleteFold, ok("x: y", " z")),
    .init(.spaceBeforeColon, ok("Content-Length : 1")),
    .init(.badFieldValue, ok("x: \u{b}")),
    .init(.lengthAndTransferEncoding, ok("Content-Length: 1", "Transfer-Encoding: chunked")),
    .init(.differingContentLengths, ok("Content-Length: 1", "Content-Length: 2")),
    .init(.repeatedContentLength, ok("Content-Length: 1", "Content-Length: 1")),
    .init(.badContentLength, ok("Content-Length: 1, 1")),
    .init(.badTransferEncoding, ok("Transfer-Encoding: gzip, chunked")),
    .init(.badTransferEncoding, ok("Transfer-Encoding: chunked, chunked")),
    .init(.badTransferEncoding, ok("Transfer-Encoding: identity")),
    .init(.badTransferEncoding, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    .init(.underscoreAlias, ok("Content_Length: 1")),
    .init(.underscoreAlias, ok("transfer_encoding: chunked")),
]

@Suite struct ResponseHeadTests {
    @Test("a malformed response is refused with 502", arguments: bad)
    func refuses(_ refused: RefusedResponse) {
        let violation = judge(response: latin(refused.text)).violation
        #expect(violation?.code == refused.code)
        #expect(violation?.status == 502)
    }

    @Test("the verdict is the same however a response is cut")
    func split() {
        let good = [
            ok("Content-Length: 5", "Server: x"), "HTTP/1.0 404\r\n\r\n",
            "HTTP/1.1 301 \r\nLocation: /\r\n\r\n",
        ]
        for text in bad.map(\.text) + good {
            let bytes = latin(text)
            let whole = judge(response: bytes)
            #expect(judge(response: bytes, cuts: Array(0..<bytes.count)) == whole)
            for cut in 0..<bytes.count {
                #expect(judge(response: bytes, cuts: [cut]) == whole, "\(text) cut at \(cut)")
            }
        }
    }

    @Test("status, reason and version are read")
    func statusLine() throws {
        let text = "HTTP/1.0 404 Not  F\u{e9}und\t\r\nx: y\r\n\r\n"
        let head = try response(text)
        #expect(head.status == 404)
        #expect(latin(text)[head.reasonRange.range] == latin("Not  F\u{e9}und\t")[...])
        #expect(head.minorVersion == 0)
        #expect(head.length == latin(text).count)
        #expect(try response("HTTP/1.1 301\r\n\r\n").reasonRange.isEmpty)
        #expect(try response("HTTP/1.1 599 \r\n\r\n").reasonRange.isEmpty)
    }

    @Test(
        "framing follows method, status and fields",
        arguments: [
            (.get, 200, "Content-Length: 5", .length(5), true),
            (.get, 200, "Content-Length: 0", .length(0), true),
            (.get, 200, "Transfer-Encoding: Chunked", .chunked, true),
            (.get, 200, "x: y", .untilClose, false),
            (.head, 200, "Content-Length: 5", .none, true),
            (.head, 200, "Transfer-Encoding: chunked", .none, true),
            (.head, 200, "x: y", .none, true),
            (.get, 204, "x: y", .none, true),
            (.get, 204, "Content-Length: 5", .none, false),
            (.get, 204, "Transfer-Encoding: chunked", .none, false),
            (.get, 304, "Content-Length: 5", .none, true),
            (.get, 100, "x: y", .none, true),
            (.get, 103, "Content-Length: 5", .none, false),
            (.connect, 200, "Content-Length: 5", .none, false),
            (.connect, 403, "Content-Length: 5", .length(5), true),
            (.get, 200, "Content-Length: 5\r\nConnection: close", .length(5), false),
        ] as [(HTTPMethod, Int, String, BodyFraming, Bool)])
    func framing(
        _ method: HTTPMethod, _ status: Int, _ line: String, _ framing: BodyFraming,
        _ keepAlive: Bool
    ) throws {
        let head = try response("HTTP/1.1 \(status) X\r\n\(line)\r\n\r\n", to: method)
        #expect(head.framing == framing)
        #expect(head.keepAlive == keepAlive)
    }

    @Test("informational heads are told apart, and 101 is final")
    func informational() throws {
        #expect(try response("HTTP/1.1 100 Continue\r\n\r\n").isInformational)
        #expect(try response("HTTP/1.1 103 Early Hints\r\n\r\n").isInformational)
        let switching = "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        #expect(try !response(switching).isInformational)
        #expect(try response(switching).upgrade)
    }

    @Test("a response may have private underscore names")
    func underscore() throws {
        #expect(try response(ok("DCLK_imp: v7", "x_runtime: 1")).fields.count == 2)
    }

    @Test("one head is reused for the next response")
    func reuse() throws {
        var head = ResponseHead()
        let limits = HeadLimits()
        let first = latin(ok("Content-Length: 5", "Connection: close"))
        let second = latin("HTTP/1.1 204 No\r\n\r\n")
        _ = try head.parse(first.span.bytes, requestMethod: .get, limits: limits)
        let done = try head.parse(second.span.bytes, requestMethod: .get, limits: limits)
        #expect(done && head.fields.isEmpty && head.keepAlive && head.status == 204)
    }
}
