// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshPolicy
import MeshSnapshot
import MeshWire
import Testing

@Suite("External authorisation over HTTP")
struct ExtAuthzHTTPTests {
    private func outcome(
        _ head: String, _ body: String = "", upstream: [String] = []
    ) throws -> EngineOutcome {
        let text = bytes(head + "\r\n")
        var parsed = ResponseHead()
        let isWhole = try parsed.parse(
            text.span.bytes, requestMethod: .get, limits: HeadLimits())
        try #require(isWhole)
        return ExtAuthzHTTP.outcome(
            parsed, text.span.bytes, body: bytes(body).span.bytes,
            upstream: upstream.map { bytes($0) })
    }

    @Test("a question looks like the request itself, without its body")
    func question() {
        let asked = ExtAuthzHTTP.Asked(
            method: bytes("POST"), target: bytes("/v1/chat?x=1"), host: bytes("mesh.test"),
            peer: bytes("10.1.2.3"),
            headers: [
                .init(name: "authorization", value: "Bearer t"),
                .init(name: "x-pinion-ai-model", value: "forged"),
                .init(name: "content-length", value: "77"),
                .init(name: "x-forwarded-for", value: "1"),
            ],
            facts: [("ai.model", .string("a b\r\nx: y%ü")), ("ai.max_tokens", .int(5))])
        let text = String(
            decoding: ExtAuthzHTTP.question(asked, prefix: bytes("/auth"))
                .bytes(authority: bytes("engine:1")), as: UTF8.self)
        let wanted = """
            POST /auth/v1/chat?x=1 HTTP/1.1\r
            host: mesh.test\r
            authorization: Bearer t\r
            x-pinion-ai-model: a b%0d%0ax: y%25%c3%bc\r
            x-pinion-ai-max-tokens: 5\r
            x-forwarded-for: 10.1.2.3\r
            content-length: 0\r
            \r

            """
        #expect(text == wanted)
    }

    @Test("200 lets pass, and passes on the fields that are named")
    func allowed() throws {
        let head = """
            HTTP/1.1 200 OK\r
            X-User: ann\r
            X-Secret: s\r
            X-Envoy-Auth-Headers-To-Remove: Authorization, cookie,\r
            Content-Length: 0\r

            """
        let wanted = EngineAnswer(
            allows: true,
            requestEdits: [
                .set(name: bytes("x-user"), value: bytes("ann")),
                .remove(name: bytes("authorization")), .remove(name: bytes("cookie")),
            ])
        #expect(try outcome(head, upstream: ["x-user"]) == .answered(wanted))
    }

    @Test("a status from 300 to 499 refuses, with fields for the caller")
    func denied() throws {
        let head = """
            HTTP/1.1 302 Found\r
            Location: https://login.test/\r
            Set-Cookie: a=1\r
            Set-Cookie: b=2\r
            Content-Type: text/plain; charset=utf-8\r
            Server: engine\r
            Connection: close\r

            """
        let wanted = EngineAnswer(
            allows: false, status: 302, reason: "log in first",
            answerEdits: [
                .set(name: bytes("location"), value: bytes("https://login.test/")),
                .set(name: bytes("set-cookie"), value: bytes("a=1")),
                .add(name: bytes("set-cookie"), value: bytes("b=2")),
            ])
        #expect(try outcome(head, " log in\n first ") == .answered(wanted))
        let plain = try outcome("HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\n", "<html>")
        #expect(plain == .answered(EngineAnswer(allows: false, status: 403)))
        let json = try outcome(
            "HTTP/1.1 401 X\r\ncontent-type: application/json\r\n",
            #"{"error":{"message":"who are you?"}}"#)
        #expect(
            json == .answered(EngineAnswer(allows: false, status: 401, reason: "who are you?")))
    }

    @Test(
        "a server's error is a failure, and other statuses are no answer",
        arguments: [
            (500, EngineFailure.failed), (503, .failed), (204, .malformed), (201, .malformed),
        ])
    func failed(status: Int, failure: EngineFailure) throws {
        #expect(try outcome("HTTP/1.1 \(status) X\r\n") == .failed(failure))
    }

    @Test("a reason is one short line")
    func reason() {
        let long = String(repeating: "é", count: 500)
        let line = ExtAuthzHTTP.reason(bytes("\u{1B}[31m\(long)").span.bytes, type: "text/plain")
        #expect(line?.utf8.count ?? 0 <= Limits.reasonBytes)
        #expect(line?.hasPrefix("[31mé") == true)
        #expect(ExtAuthzHTTP.reason(bytes(" \n\t ").span.bytes, type: "") == nil)
    }
}
