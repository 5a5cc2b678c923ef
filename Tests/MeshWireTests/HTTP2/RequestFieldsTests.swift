// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshWire
import Testing

/// The head of HTTP/1.1 that `fields` make, or the violation.
private func head(
    _ fields: [(String, String)], hasBody: Bool = false, limits: HeadLimits = HeadLimits()
) -> Result<String, Violation> {
    raw(fields.map { (latin($0.0), latin($0.1)) }, hasBody: hasBody, limits: limits)
}

private func raw(
    _ fields: [([UInt8], [UInt8])], hasBody: Bool = false, limits: HeadLimits = HeadLimits()
) -> Result<String, Violation> {
    var made = RequestFields()
    var bytes: [UInt8] = []
    do {
        for (name, value) in fields {
            try made.add(name.span.bytes, value.span.bytes, limits: limits)
        }
        _ = try made.finish(hasBody: hasBody, into: &bytes)
        return .success(String(decoding: bytes, as: UTF8.self))
    } catch {
        return .failure(error)
    }
}

private let get = [
    (":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/p?q"),
]

/// `get` with `value` for the pseudo-field `name`, or without it.
private func changed(_ name: String, _ value: String?) -> [(String, String)] {
    get.compactMap { field in
        guard field.0 == name else { return field }
        return value.map { (name, $0) }
    }
}

@Suite("The fields of a request of HTTP/2")
struct RequestFieldsTests {
    @Test("become the head of the same request in HTTP/1.1")
    func plain() throws {
        let made = try head(get + [("x-a", "1"), ("te", "trailers")]).get()
        #expect(
            made == "GET /p?q HTTP/1.1\r\nhost: a.test\r\nx-a: 1\r\nte: trailers\r\n\r\n")
        let bytes = Array(made.utf8)
        var parsed = RequestHead()
        #expect(try parsed.parse(bytes.span.bytes, limits: HeadLimits()))
        #expect(parsed.method == .get && parsed.framing == .none && parsed.keepAlive)
    }

    @Test("a body is announced with its length, or as chunked")
    func bodies() throws {
        let length = try head(get + [("content-length", "5")], hasBody: true).get()
        #expect(length.hasSuffix("content-length: 5\r\n\r\n"))
        #expect(!length.contains("transfer-encoding"))
        let open = try head(get, hasBody: true).get()
        #expect(open.hasSuffix("transfer-encoding: chunked\r\n\r\n"))
        #expect(throws: Violation.self) { try head(get + [("content-length", "5")]).get() }
        var fields = RequestFields()
        for (name, value) in get {
            try fields.add(latin(name).span.bytes, latin(value).span.bytes, limits: HeadLimits())
        }
        try fields.announce(7)
        var bytes: [UInt8] = []
        #expect(try fields.finish(hasBody: true, into: &bytes) == .length(7))
    }

    @Test("a split cookie is one again")
    func cookies() throws {
        let made = try head(get + [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")]).get()
        #expect(made.contains("cookie: a=1; b=2\r\n"))
        #expect(made.components(separatedBy: "cookie").count == 2)
    }

    @Test("the host may stand in either place, and in both when it is the same")
    func hosts() throws {
        let without = changed(":authority", nil)
        #expect(try head(without + [("host", "b")]).get().contains("host: b\r\n"))
        #expect(try head(get + [("host", "a.test")]).get().contains("host: a.test\r\n"))
        for (fields, code) in [
            (without, Violation.Code.missingHost), (get + [("host", "b")], .badHost),
            (without + [("host", "b"), ("host", "b")], .duplicateHost),
        ] {
            #expect(throws: Violation(code, at: 0)) { try head(fields).get() }
        }
    }

    @Test(
        "what is malformed is refused",
        arguments: [
            changed(":path", ""), changed(":path", "p"), changed(":path", "*"),
            changed(":path", "/a b"), changed(":path", "/a#b"), changed(":path", "/\u{e9}"),
            changed(":path", "/ HTTP/1.1\r\nx: y"), changed(":path", "/\0"),
            changed(":path", nil), changed(":method", nil), changed(":method", ""),
            changed(":method", "GET "), changed(":method", "GET / HTTP/1.1\r\n"),
            changed(":scheme", nil), changed(":scheme", "ftp"), changed(":scheme", "HTTP"),
            changed(":authority", ""), changed(":authority", "u@a"), changed(":authority", "a/b"),
            changed(":authority", "a, b"), changed(":authority", "a\r\nx: y"),
            get + [(":status", "200")], get + [(":foo", "1")], get + [(":path", "/q")],
            [("x", "y")] + get, get + [("x", "y"), (":protocol", "websocket")],
            get + [("", "x")], get + [("X-Up", "1")], get + [("x y", "1")],
            get + [("x:y", "1")], get + [("x\r\ny", "1")], get + [("x\u{e9}", "1")],
            get + [("x", "a\r\nb: c")], get + [("x", "a\nb")], get + [("x", "a\0b")],
            get + [("x", "a\u{1}b")], get + [("x", "a\u{7f}b")], get + [("x", " a")],
            get + [("x", "a\t")], get + [("connection", "close")], get + [("keep-alive", "1")],
            get + [("proxy-connection", "x")], get + [("transfer-encoding", "chunked")],
            get + [("upgrade", "h2c")], get + [("http2-settings", "x")],
            get + [("te", "gzip")], get + [("content-length", "+3")],
            get + [("content-length", "3"), ("content-length", "3")],
        ])
    func malformed(_ fields: [(String, String)]) {
        let hasBody = fields.contains { $0.0 == "content-length" }
        guard case .failure(let violation) = head(fields, hasBody: hasBody) else {
            Issue.record("accepted: \(fields)")
            return
        }
        #expect(violation.status == 400)
    }

    @Test("bytes that a codec could not represent are refused, not replaced")
    func replacements() {
        let fields = get + [("x", "a")]
        var bytes = fields.map { (latin($0.0), latin($0.1)) }
        bytes[4].1 = [0x61, 0xEF, 0xBF, 0xBD]
        #expect(throws: Violation(.badFieldValue, at: 1)) { try raw(bytes).get() }
        bytes[4].1 = Array("é€".utf8)
        #expect(throws: Never.self) { try raw(bytes).get() }
    }

    @Test("CONNECT has an authority and nothing else")
    func connect() throws {
        let made = try head([(":method", "CONNECT"), (":authority", "a:443")]).get()
        #expect(made == "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n")
        #expect(throws: Violation.self) { try head(changed(":method", "CONNECT")).get() }
    }

    @Test("OPTIONS may ask about the server as a whole")
    func asterisk() throws {
        let options = changed(":method", "OPTIONS").map { $0.0 == ":path" ? (":path", "*") : $0 }
        #expect(try head(options).get().hasPrefix("OPTIONS * HTTP/1.1\r\n"))
    }

    @Test("every field counts, and each part of a cookie")
    func counts() {
        let limits = HeadLimits(fieldCountMax: 10)
        let ten = (0..<10).map { _ in ("cookie", "a") }
        #expect(throws: Never.self) { try head(get + ten, limits: limits).get() }
        let violation = Violation(.tooManyFields, at: 11)
        #expect(throws: violation) { try head(get + ten + [("x", "1")], limits: limits).get() }
        #expect(violation.status == 431)
        let large = get + [("x", String(repeating: "a", count: 50_000))]
        guard case .failure(let found) = head(large) else {
            Issue.record("a head of 50,000 bytes was accepted")
            return
        }
        #expect(found.code == .headTooLarge)
    }

    @Test("storage is used again, and nothing of the last request is left")
    func reset() throws {
        var fields = RequestFields()
        for (name, value) in get + [("cookie", "a"), ("x", "y"), ("host", "a.test")] {
            try fields.add(latin(name).span.bytes, latin(value).span.bytes, limits: HeadLimits())
        }
        var first: [UInt8] = []
        _ = try fields.finish(hasBody: false, into: &first)
        fields.reset()
        for (name, value) in get {
            try fields.add(latin(name).span.bytes, latin(value).span.bytes, limits: HeadLimits())
        }
        var second: [UInt8] = []
        _ = try fields.finish(hasBody: false, into: &second)
        #expect(
            String(decoding: second, as: UTF8.self)
                == "GET /p?q HTTP/1.1\r\nhost: a.test\r\n\r\n")
    }

    @Test("all of an independent suite's malformed requests are refused, or contradict their data")
    func downgrade() throws {
        guard let document = try suite("http1/h2_downgrade.json.gz") else { return }
        let cases = try #require(document["cases"] as? [[String: Any]])
        var refused = 0
        for one in cases {
            let written = try #require(one["headers"] as? [[String]])
            let body = Data(base64Encoded: one["body_b64"] as? String ?? "") ?? Data()
            let fields = written.map { field in
                field.map { [UInt8](Data(base64Encoded: $0) ?? Data()) }
            }
            let made = raw(fields.map { ($0[0], $0[1]) }, hasBody: !body.isEmpty)
            guard case .success(let text) = made else {
                refused += 1
                continue
            }
            // What is left is wrong only beside its data.
            let bytes = Array(text.utf8)
            var head = RequestHead()
            if (try? head.parse(bytes.span.bytes, limits: HeadLimits())) != true {
                refused += 1
            } else if case .length(let count) = head.framing, count != UInt64(body.count) {
                refused += 1
            } else {
                Issue.record("accepted: \(one["id"] ?? "")")
            }
        }
        print("HTTP/2 downgrade: \(refused) of \(cases.count) refused")
    }
}
