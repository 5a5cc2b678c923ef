// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import Testing

/// The head of HTTP/1.1 that `fields` make, with its framing, or the violation.
private func head(
    _ fields: [(String, String)], isLast: Bool = false, to method: HTTPMethod = .get
) throws(Violation) -> (text: String, framing: BodyFraming) {
    var made = ResponseFields()
    var bytes: [UInt8] = []
    for (name, value) in fields {
        try made.add(latin(name).span.bytes, latin(value).span.bytes, limits: HeadLimits())
    }
    let framing = try made.finish(isLast: isLast, to: method, into: &bytes)
    return (String(decoding: bytes, as: UTF8.self), framing)
}

@Suite("The fields of an answer of HTTP/2")
struct ResponseFieldsTests {
    @Test("become a head of HTTP/1.1 that is framed as its reader needs it")
    func framing() throws {
        let ok = (":status", "200")
        #expect(
            try head([ok, ("x-a", "1")]).text
                == "HTTP/1.1 200 \r\nx-a: 1\r\ntransfer-encoding: chunked\r\n\r\n")
        #expect(try head([ok, ("content-length", "3")]).framing == .length(3))
        #expect(try head([ok], isLast: true).framing == .length(0))
        #expect(try head([(":status", "204")], isLast: true).framing == .none)
        #expect(try head([(":status", "304"), ("content-length", "3")]).framing == .none)
        let bodiless = try head([ok, ("content-length", "3")], isLast: true, to: .head)
        #expect(bodiless.framing == .none && bodiless.text.contains("content-length: 3"))
        #expect(try head([(":status", "103"), ("link", "x")]).framing == .none)
    }

    @Test("the body of a gRPC answer is open, so that its trailers are waited for")
    func gRPC() throws {
        let fields = [
            (":status", "200"), ("content-type", "application/grpc+proto"),
            ("content-length", "3"),
        ]
        let made = try head(fields)
        #expect(made.framing == .chunked && !made.text.contains("content-length"))
    }

    @Test("what both heads are read as is the same")
    func agrees() throws {
        for (fields, isLast, method) in [
            ([(":status", "200")], false, HTTPMethod.get),
            ([(":status", "200"), ("content-length", "9")], false, .post),
            ([(":status", "500")], true, .get), ([(":status", "304")], true, .get),
            ([(":status", "200"), ("content-length", "9")], true, .head),
        ] {
            let made = try head(fields, isLast: isLast, to: method)
            let bytes = Array(made.text.utf8)
            var parsed = ResponseHead()
            #expect(
                try parsed.parse(bytes.span.bytes, requestMethod: method, limits: HeadLimits()))
            #expect(parsed.framing == made.framing && parsed.keepAlive)
        }
    }

    @Test(
        "what is malformed is refused with 502",
        arguments: [
            [], [("x", "y")], [(":status", "20")], [(":status", "099")], [(":status", "600")],
            [(":status", "+20")], [(":status", "101")], [(":status", "200"), (":status", "200")],
            [(":status", "200"), (":path", "/")], [("x", "y"), (":status", "200")],
            [(":status", "200"), ("connection", "close")],
            [(":status", "200"), ("te", "trailers")],
            [(":status", "200"), ("transfer-encoding", "chunked")],
            [(":status", "200"), ("X", "y")],
            [(":status", "200"), ("x", "a\r\nb")], [(":status", "200"), ("content-length", "x")],
            [(":status", "200"), ("content-length", "1"), ("content-length", "1")],
        ])
    func malformed(_ fields: [(String, String)]) {
        do {
            _ = try head(fields)
            Issue.record("accepted: \(fields)")
        } catch {
            #expect(error.status == 502)
        }
    }

    @Test("an end that comes too early is malformed")
    func ends() {
        for fields in [[(":status", "200"), ("content-length", "3")], [(":status", "103")]] {
            #expect(throws: Violation.self) { _ = try head(fields, isLast: true) }
        }
    }
}

@Suite("Fields behind a body")
struct TrailerFieldsTests {
    private func trailers(_ fields: [(String, String)]) throws(Violation) -> String {
        var made = TrailerFields()
        for (name, value) in fields {
            try made.add(latin(name).span.bytes, latin(value).span.bytes, limits: HeadLimits())
        }
        return String(decoding: made.lines, as: UTF8.self)
    }

    @Test("pass, but for those that decide how a message is read and where it goes")
    func kept() throws {
        let fields = [
            ("grpc-status", "0"), ("authorization", "x"), ("content-length", "3"), ("host", "a"),
            ("x-forwarded-for", "1.2.3.4"), ("set-cookie", "a"), ("te", "trailers"),
            ("grpc-message", "ok"), ("x-forwarded-client-cert", "x"), ("x-sum", "1"),
        ]
        #expect(
            try trailers(fields) == "grpc-status: 0\r\ngrpc-message: ok\r\nx-sum: 1\r\n")
    }

    @Test("are refused when they are malformed")
    func malformed() {
        for field in [
            (":status", "200"), ("X", "y"), ("x", "a\r\nb"), ("connection", "close"), ("", "x"),
        ] {
            #expect(throws: Violation.self) { try trailers([field]) }
        }
        let large = ("x", String(repeating: "a", count: 9000))
        #expect(throws: Violation.self) { try trailers([large]) }
    }
}
