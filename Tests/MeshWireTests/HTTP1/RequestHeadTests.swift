// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import Testing

/// One request that must be refused, and how.
struct RefusedRequest: Sendable, CustomTestStringConvertible {
    var text: String
    var code: Violation.Code
    var status: Int

    init(_ code: Violation.Code, _ text: String, status: Int = 400) {
        self.text = text
        self.code = code
        self.status = status
    }

    var testDescription: String { "\(code): \(text.debugDescription)" }
}

/// A GET with a Host and the given field lines.
private func get(_ lines: String...) -> String {
    "GET / HTTP/1.1\r\nHost: a\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
}

/// A request with this request line and a Host.
private func line(_ requestLine: String) -> String { requestLine + "\r\nHost: a\r\n\r\n" }

/// A request with this Host value.
private func host(_ value: String) -> String { "GET / HTTP/1.1\r\nHost: \(value)\r\n\r\n" }

private let badLines: [RefusedRequest] = [
    .init(.badRequestLine, line("GET  / HTTP/1.1")),
    .init(.badRequestLine, line("GET /  HTTP/1.1")),
    .init(.badRequestLine, line("GET /a b HTTP/1.1")),
    .init(.badRequestLine, line("GET / x HTTP/1.1")),
    .init(.badRequestLine, line(" GET / HTTP/1.1")),
    .init(.badRequestLine, line("GET")),
    .init(.badRequestLine, line("GET /")),
    .init(.badRequestLine, line("GET  HTTP/1.1")),
    .init(.badRequestLine, line("G(T / HTTP/1.1")),
    .init(.badRequestLine, line("G\u{e9}T / HTTP/1.1")),
    .init(.badRequestLine, "\r\n\r\n" + line("GET / HTTP/1.1")),
    .init(.badRequestLine, "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}"),
    .init(.bareLF, "\n" + line("GET / HTTP/1.1")),
    .init(.bareCR, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    .init(.badRequestLine, line("GET\t/ HTTP/1.1")),
    .init(.badVersion, line("GET /abcdefgh\tHTTP/1.1 ")),
    .init(.badVersion, line("GET / HTTP/1.1 ")),
    .init(.badVersion, line("GET / http/1.1")),
    .init(.badVersion, line("GET / HTTP/1.01")),
    .init(.badVersion, line("GET / HTTP/11.1")),
    .init(.badVersion, line("GET / HTTP/1,1")),
    .init(.badVersion, line("GET / ICE/1.0")),
    .init(.badVersion, line("GET / RTSP/1.0")),
    .init(.badVersion, line("GET / IHTTP/1.1")),
    .init(.badVersion, line("GET / HTTP/0.9"), status: 505),
    .init(.badVersion, line("GET / HTTP/2.0"), status: 505),
    .init(.badVersion, line("GET / HTTP/1.2"), status: 505),
    .init(.badVersion, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", status: 505),
    .init(.badTarget, line("GET a HTTP/1.1")),
    .init(.badTarget, line("GET /a#b HTTP/1.1")),
    .init(.badTarget, line("GET /a\u{e9} HTTP/1.1")),
    .init(.badTarget, line("GET /a\tb HTTP/1.1")),
    .init(.badRequestLine, line("GET /a\u{0}b HTTP/1.1")),
    .init(.badRequestLine, line("GET /a\u{7f}b HTTP/1.1")),
    .init(.badTarget, line("GET * HTTP/1.1")),
    .init(.badTarget, line("OPTIONS ** HTTP/1.1")),
    .init(.badTarget, line("GET ftp://a/ HTTP/1.1")),
    .init(.badTarget, line("GET http:///x HTTP/1.1")),
    .init(.badTarget, line("GET http:// HTTP/1.1")),
    .init(.badTarget, line("GET http://u@a/ HTTP/1.1")),
    .init(.badTarget, line("GET http://a\\b/ HTTP/1.1")),
    .init(.badTarget, line("GET http://a:b/ HTTP/1.1")),
    .init(.badTarget, line("GET a:443 HTTP/1.1")),
    .init(.badTarget, line("CONNECT / HTTP/1.1")),
    .init(.badTarget, line("CONNECT a HTTP/1.1")),
    .init(.badTarget, line("CONNECT a: HTTP/1.1")),
    .init(.badTarget, line("CONNECT http://a:1/ HTTP/1.1")),
]

private let badFields: [RefusedRequest] = [
    .init(.bareLF, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
    .init(.bareLF, get("x: 1\ny: 2")),
    .init(.bareLF, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
    .init(.bareCR, get("x: 1\ry: 2")),
    .init(.bareCR, get("x: 1\r")),
    .init(.bareCR, "GET / HTTP/1.1\r\nHost: a\r\n\rX"),
    .init(.bareCR, get("x\r: 1")),
    .init(.obsoleteFold, get(" folded")),
    .init(.obsoleteFold, get("\tfolded")),
    .init(.obsoleteFold, get("x: 1", " y: 2")),
    .init(.badFieldName, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    .init(.badFieldName, get(": empty")),
    .init(.badFieldName, get("nocolon")),
    .init(.badFieldName, get("x\u{0}y: 1")),
    .init(.badFieldName, get("x\u{1f}: 1")),
    .init(.badFieldName, get("x\u{e9}: 1")),
    .init(.badFieldName, get("x y: 1")),
    .init(.badFieldName, get("x\ty: 1")),
    .init(.badFieldName, get("x\"y: 1")),
    .init(.badFieldName, get("x(y: 1")),
    .init(.badFieldName, get("x@y: 1")),
    .init(.badFieldName, get("\u{7f}x: 1")),
    .init(.spaceBeforeColon, get("x : 1")),
    .init(.spaceBeforeColon, get("x\t: 1")),
    .init(.spaceBeforeColon, get("Content-Length : 1")),
    .init(.spaceBeforeColon, get("Transfer-Encoding : chunked")),
    .init(.badFieldValue, get("x: a\u{0}b")),
    .init(.badFieldValue, get("x: a\u{b}b")),
    .init(.badFieldValue, get("x: a\u{1b}b")),
    .init(.badFieldValue, get("x: a\u{7f}b")),
    .init(.underscoreAlias, get("transfer_encoding: chunked")),
    .init(.underscoreAlias, get("Transfer_Encoding: chunked")),
    .init(.underscoreAlias, get("Content_Length: 1")),
    .init(.underscoreAlias, get("X_Forwarded_For: 1")),
    .init(.underscoreAlias, get("X-Forwarded_For: 1")),
    .init(.underscoreAlias, get("X_anything: 1")),
    .init(.underscoreAlias, get("x-mesh_principal: 1")),
    .init(.underscoreAlias, get("user_agent: 1")),
    .init(
        .connectionTooLong, get("Connection: " + String(repeating: "a,", count: 513)),
        status: 431),
]

private let badFraming: [RefusedRequest] = [
    .init(.lengthAndTransferEncoding, get("Content-Length: 1", "Transfer-Encoding: chunked")),
    .init(.lengthAndTransferEncoding, get("Transfer-Encoding: chunked", "Content-Length: 1")),
    .init(.lengthAndTransferEncoding, get("Content-Length: 0", "Transfer-Encoding: x")),
    .init(.differingContentLengths, get("Content-Length: 1", "content-length: 2")),
    .init(.repeatedContentLength, get("Content-Length: 1", "CONTENT-LENGTH: 1")),
    .init(.badContentLength, get("Content-Length: 5, 5")),
    .init(.badContentLength, get("Content-Length: 5,6")),
    .init(.badContentLength, get("Content-Length: +5")),
    .init(.badContentLength, get("Content-Length: -5")),
    .init(.badContentLength, get("Content-Length: 0x5")),
    .init(.badContentLength, get("Content-Length: 5 5")),
    .init(.badContentLength, get("Content-Length: 1_0")),
    .init(.badContentLength, get("Content-Length:")),
    .init(.badContentLength, get("Content-Length: \u{b2}")),
    .init(.badContentLength, get("Content-Length: 9223372036854775808")),
    .init(.badContentLength, get("Content-Length: 18446744073709551617")),
    .init(.badTransferEncoding, get("Transfer-Encoding: gzip, chunked"), status: 501),
    .init(.badTransferEncoding, get("Transfer-Encoding: x, y, Chunked"), status: 501),
    .init(.badTransferEncoding, get("Transfer-Encoding: chunked, gzip")),
    .init(.badTransferEncoding, get("Transfer-Encoding: chunked, chunked")),
    .init(.badTransferEncoding, get("Transfer-Encoding: , chunked")),
    .init(.badTransferEncoding, get("Transfer-Encoding: chunked,")),
    .init(.badTransferEncoding, get("Transfer-Encoding: chunked;q=1")),
    .init(.badTransferEncoding, get("Transfer-Encoding: \"chunked\"")),
    .init(.badTransferEncoding, get("Transfer-Encoding: identity")),
    .init(.badTransferEncoding, get("Transfer-Encoding: xchunked")),
    .init(.badTransferEncoding, get("Transfer-Encoding:")),
    .init(
        .badTransferEncoding, get("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")),
    .init(.badTransferEncoding, get("Transfer-Encoding: chunked", "Transfer-Encoding: gzip")),
    .init(.badTransferEncoding, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
]

private let badHosts: [RefusedRequest] =
    [
        .init(.missingHost, "GET / HTTP/1.1\r\n\r\n"),
        .init(.missingHost, "GET http://a/ HTTP/1.1\r\nx: y\r\n\r\n"),
        .init(.duplicateHost, get("Host: a")),
        .init(.duplicateHost, get("hOST: b")),
        .init(.duplicateHost, "GET / HTTP/1.0\r\nHost: a\r\nHost:\r\n\r\n"),
        .init(.badHost, "GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ]
    + [
        "u@a", "a/b", "a?b", "a#b", "a b", "a\tb", "a,b", "a\\b", "a:b", "a:99999", "a:123456",
        "a:80:80", ":80", "\u{e9}", "a%", "a%2", "a%zz", "a\"", "<a>", "[::1", "[::1]x", "[::1]:x",
        "[]", "[:]", "[:::]", "[1:2:3]", "[1:2:3:4:5:6:7:8:9]", "[1:2:3:4:5:6:7::8]",
        "[::1::]", "[12345::]", "[g::]",
        "[fe80::1%25eth0]", "[v1.a]", "[1.2.3.4]", "[::1.2.3]", "[::1.2.3.256]", "[::01.2.3.4]",
        "[::1.2.3.4.]", "[1:]", "a|b", "a^b", "{a}",
    ].map { RefusedRequest(.badHost, host($0)) }

@Suite struct RequestHeadTests {
    @Test("what is no request line is refused", arguments: badLines)
    func refusesLine(_ bad: RefusedRequest) { expectRefused(bad) }

    @Test("what is no field line is refused", arguments: badFields)
    func refusesField(_ bad: RefusedRequest) { expectRefused(bad) }

    @Test("framing that two readers could read differently is refused", arguments: badFraming)
    func refusesFraming(_ bad: RefusedRequest) { expectRefused(bad) }

    @Test("what is no single host is refused", arguments: badHosts)
    func refusesHost(_ bad: RefusedRequest) { expectRefused(bad) }

    private func expectRefused(_ bad: RefusedRequest) {
        let violation = judge(request: latin(bad.text)).violation
        #expect(violation?.code == bad.code)
        #expect(violation?.status == bad.status)
    }

    @Test("the verdict is the same however a refused request is cut")
    func splitRefused() {
        for bad in badLines + badFields + badFraming + badHosts {
            let bytes = latin(bad.text)
            let whole = judge(request: bytes)
            #expect(judge(request: bytes, cuts: Array(0..<bytes.count)) == whole)
            for cut in 0..<bytes.count {
                #expect(judge(request: bytes, cuts: [cut]) == whole, "\(bad) cut at \(cut)")
            }
        }
    }

    @Test(
        "valid hosts are accepted",
        arguments: [
            "a", "A.example", "a:80", "a:", "a:0", "a:65535", "1.2.3.4:5", "a_b", "a-b.c~d",
            "a%2Fb", "0.0.0.0=5000", "[::]", "[::1]", "[::1]:443", "[1:2:3:4:5:6:7:8]",
            "[1:2:3:4:5:6:7::]", "[::2:3:4:5:6:7:8]", "[fe80::a]", "[::ffff:1.2.3.4]",
            "[1:2:3:4:5:6:1.2.3.4]", "",
        ])
    func acceptsHost(_ value: String) throws {
        let text = host(value)
        let head = try request(text)
        #expect(latin(text).span.bytes.extracting(head.hostRange.range).text == value)
    }

    @Test(
        "the host name is the authority without its port",
        arguments: [("a:80", "a"), ("a", "a"), ("[::1]:443", "[::1]"), ("a:", "a")])
    func hostName(_ value: String, _ name: String) throws {
        let text = host(value)
        let head = try request(text)
        #expect(latin(text).span.bytes.extracting(head.hostNameRange.range).text == name)
    }

    @Test("a field is found with its value trimmed, and bytes from 0x80 on pass")
    func fields() throws {
        let text = get("X: \t a\u{e9}\tb \t", "Empty:", "Blank: \t ", "Accept:*/*")
        let head = try request(text)
        let bytes = latin(text)
        let values = head.fields.map { bytes[$0.valueRange.range] }
        #expect(values == [[97], latin("a\u{e9}\tb")[...], [], [], latin("*/*")[...]])
        #expect(head.fields.map(\.name) == [.host, .other, .other, .other, .accept])
        #expect(head.first(.accept)?.name == .accept)
        #expect(head.first(.cookie) == nil)
        #expect(head.length == bytes.count)
    }

    @Test(
        "each method is told from its bytes",
        arguments: HTTPMethod.allCases.filter { $0 != .other && $0 != .connect })
    func methods(_ method: HTTPMethod) throws {
        #expect(try request(line("\(method.text) / HTTP/1.1")).method == method)
        #expect(try request(line("\(method.text)X / HTTP/1.1")).method == .other)
        let lower = "\(method.text)".lowercased()
        #expect(try request(line("\(lower) / HTTP/1.1")).method == .other)
    }

    @Test("one empty line before the request line is skipped and counted")
    func leadingLine() throws {
        let text = "\r\n" + line("GET / HTTP/1.1")
        #expect(try request(text).length == text.utf8.count)
    }

    @Test(
        "each form of target is taken apart",
        arguments: [
            ("GET /a/b?c=d?e HTTP/1.1", "/a/b", "c=d?e", "h", false),
            ("GET /? HTTP/1.1", "/", "", "h", false),
            ("GET //x HTTP/1.1", "//x", nil, "h", false),
            ("GET /%2e%2e/\"|{} HTTP/1.1", "/%2e%2e/\"|{}", nil, "h", false),
            ("GET http://o:1/p?q HTTP/1.1", "/p", "q", "o:1", true),
            ("GET HTTPS://o?q HTTP/1.1", "", "q", "o", true),
            ("GET http://[::1] HTTP/1.1", "", nil, "[::1]", true),
            ("OPTIONS * HTTP/1.1", "*", nil, "h", false),
            ("CONNECT o:443 HTTP/1.1", "", nil, "o:443", false),
        ] as [(String, String, String?, String, Bool)])
    func target(
        _ requestLine: String, _ path: String, _ query: String?, _ host: String,
        _ isAbsolute: Bool
    ) throws {
        let text = requestLine + "\r\nHost: h\r\n\r\n"
        let bytes = latin(text)
        let head = try request(text)
        #expect(bytes.span.bytes.extracting(head.pathRange.range).text == path)
        #expect(head.hasQuery == (query != nil))
        #expect(bytes.span.bytes.extracting(head.queryRange.range).text == query ?? "")
        #expect(bytes.span.bytes.extracting(head.hostRange.range).text == host)
        #expect(head.isAbsoluteForm == isAbsolute)
    }

    @Test("framing follows Content-Length or Transfer-Encoding")
    func framing() throws {
        #expect(try request(get()).framing == .none)
        #expect(try request(get("Content-Length: 0")).framing == .length(0))
        #expect(try request(get("Content-Length: 007")).framing == .length(7))
        let most = get("Content-Length: 9223372036854775807")
        #expect(try request(most).framing == .length(UInt64(Int64.max)))
        #expect(try request(get("TRANSFER-encoding:\t CHUNKED ")).framing == .chunked)
    }

    @Test(
        "the connection persists as RFC 9112 says",
        arguments: [
            (1, nil, true), (1, "close", false), (1, "CLOSE", false), (1, "x, close", false),
            (1, "keep-alive", true), (1, "keep-alive, close", false), (1, "closed", true),
            (0, nil, false), (0, "keep-alive", true), (0, "Keep-Alive, x", true),
            (0, "keep-alive, close", false), (0, ",, keep-alive", true),
        ] as [(Int, String?, Bool)])
    func keepAlive(_ minor: Int, _ connection: String?, _ expected: Bool) throws {
        let lines = connection.map { "Connection: \($0)\r\n" } ?? ""
        let head = try request("GET / HTTP/1.\(minor)\r\nHost: a\r\n\(lines)\r\n")
        #expect(head.keepAlive == expected)
    }

    @Test("Upgrade counts only when Connection names it")
    func upgrade() throws {
        #expect(try request(get("Upgrade: x", "Connection: Upgrade")).upgrade)
        #expect(try !request(get("Upgrade: x")).upgrade)
        #expect(try !request(get("Connection: upgrade")).upgrade)
        let old = "GET / HTTP/1.0\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
        #expect(try !request(old).upgrade)
    }

    @Test("100-continue is expected only by HTTP/1.1 with a body")
    func expect() throws {
        #expect(try request(get("Expect: 100-Continue", "Content-Length: 1")).expectsContinue)
        #expect(try !request(get("Expect: 100-continue")).expectsContinue)
        #expect(try !request(get("Expect: x", "Content-Length: 1")).expectsContinue)
        let old = "GET / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
        #expect(try !request(old).expectsContinue)
    }

    @Test("HTTP/1.0 may leave out the Host")
    func oldWithoutHost() throws {
        let head = try request("GET / HTTP/1.0\r\n\r\n")
        #expect(head.hostRange.isEmpty)
        #expect(head.minorVersion == 0)
    }

    @Test("Connection nominates fields by name, in any case and in any of its lines")
    func nominated() throws {
        let text = get("Connection: a, X-One", "x-one: 1", "CONNECTION: x-two", "x-two: 2", "y: 3")
        let head = try request(text)
        let bytes = latin(text)
        let named = head.fields.map { head.isNominatedByConnection($0, bytes.span.bytes) }
        #expect(named == [false, false, true, false, true, false])
    }
}
