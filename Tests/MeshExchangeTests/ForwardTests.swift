// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("A request that is forwarded")
struct ForwardTests {
    @Test("a plain request goes to its backend and its answer comes back")
    func plain() throws {
        let drive = Drive(SnapshotSample())
        let step = try drive.get("/hello?x=1", fields: "Accept: */*\r\nX-A: 1\r\n")
        #expect(step.dispatch?.endpoint == 0 && !step.collectsBody && !step.isDone)
        #expect(drive.phase == .dispatched && drive.inFlight == 1 && drive.active == 1)
        let (head, body) = drive.forwarded()
        #expect(head.startLine == "GET /hello?x=1 HTTP/1.1")
        #expect(head.field("host") == "mesh.test")
        #expect(head.field("accept") == "*/*" && head.field("x-a") == "1")
        #expect(head.field("x-forwarded-for") == "192.0.2.7")
        #expect(head.field("x-forwarded-proto") == "http")
        #expect(head.field("content-length") == nil && body.isEmpty)
        #expect(head.field("connection") == nil)
        drive.sent()
        #expect(drive.phase == .sent)
        drive.wait(.milliseconds(5))
        let answer = try drive.answered(
            "HTTP/1.1 200 Fine\r\ncontent-length: 5\r\nserver: s\r\nconnection: x-hop\r\n"
                + "x-hop: 1\r\nx-request-id: theirs\r\n\r\n")
        #expect(answer.writes && answer.relaysBody && !answer.isDone)
        #expect(drive.framing() == .asReceived)
        #expect(drive.came("hello", isLast: true) == .unchanged)
        let end = drive.ended()
        #expect(end.endsAnswer && end.isDone && !end.closesClient && !end.abandonsUpstream)
        #expect(drive.written.startLine == "HTTP/1.1 200 Fine")
        #expect(drive.written.field("content-length") == "5")
        #expect(drive.written.field("x-hop") == nil && drive.written.field("connection") == nil)
        #expect(drive.written.field("x-request-id")?.count == 36)
        #expect(drive.written.afterHead == "hello")
        #expect(drive.unsettled == nil)
    }

    @Test("the record tells the truth about the exchange")
    func record() throws {
        let drive = Drive(SnapshotSample())
        try drive.get("/")
        drive.wait(.milliseconds(1))
        drive.sent()
        drive.wait(.milliseconds(2))
        try drive.answered(204, "")
        drive.wait(.milliseconds(3))
        drive.ended()
        let record = drive.record
        #expect(record.connect == .milliseconds(1) && record.firstByte == .milliseconds(3))
        #expect(record.total == .milliseconds(6))
        #expect(record.status == 204 && record.attempts == 1 && record.flags == [])
        #expect(record.route == "default/r" && record.backend == "default/b0")
        #expect(record.endpoint == "10.0.0.1:8000" && record.snapshot == 1)
        #expect(record.model == nil && record.operation == nil && record.refusal == nil)
        #expect(record.bytesIn == UInt64(drive.headBytes.count))
        #expect(record.bytesOut == UInt64(drive.written.utf8.count))
    }

    @Test("a body without a decision to make is streamed with the framing it came with")
    func streamedBodies() throws {
        let drive = Drive(SnapshotSample())
        var step = try drive.begin(
            "PUT /f HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        #expect(step.dispatch != nil && !step.collectsBody)
        #expect(drive.forwarded().head.field("transfer-encoding") == "chunked")
        drive.gone()
        step = try drive.begin("PUT /f HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        #expect(step.dispatch != nil)
        #expect(drive.forwarded().head.field("content-length") == "9")
        drive.sent()
        drive.exchange.requestProgressed(bytes: 4, at: drive.now)
        drive.exchange.requestProgressed(bytes: 5, at: drive.now)
        drive.exchange.requestCompleted(bytes: 0, at: drive.now)
        #expect(!drive.exchange.canReplay && drive.exchange.isRequestComplete)
        try drive.answered(200)
        drive.ended()
        #expect(drive.record.bytesIn == UInt64(drive.headBytes.count + 9))
        #expect(drive.unsettled == nil)
    }

    @Test("addresses, ids and traces of the caller are kept where they may be")
    func correlation() throws {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let drive = Drive(SnapshotSample())
        try drive.get(
            "/",
            fields: "X-Forwarded-For: 10.1.1.1\r\nx-forwarded-for: 10.2.2.2\r\n"
                + "X-Forwarded-Proto: https\r\nX-Request-ID: my-id\r\ntraceparent: \(trace)\r\n")
        let head = drive.forwarded().head
        #expect(head.field("x-forwarded-for") == "10.1.1.1, 10.2.2.2, 192.0.2.7")
        #expect(head.field("x-forwarded-proto") == "http")
        #expect(head.field("x-request-id") == "my-id")
        let sent = try #require(head.field("traceparent"))
        #expect(sent.hasPrefix("00-0af7651916cd43dd8448eb211c80319c-") && sent.hasSuffix("-01"))
        #expect(sent != trace)
    }

    @Test("an id or trace that is not valid is replaced")
    func invalidCorrelation() throws {
        let drive = Drive(SnapshotSample())
        let long = String(repeating: "x", count: 129)
        try drive.get("/", fields: "X-Request-ID: \(long)\r\ntraceparent: 00-zz-1-01\r\n")
        let head = drive.forwarded().head
        #expect(head.field("x-request-id")?.count == 36)
        #expect(head.field("traceparent")?.count == 55)
    }

    @Test("fields that end at each hop do not pass, and a caller cannot have others removed")
    func hopByHop() throws {
        let drive = Drive(SnapshotSample())
        try drive.get(
            "/",
            fields: "Connection: close, x-mine, Authorization, X-Forwarded-For\r\n"
                + "X-Mine: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Authorization: secret\r\n"
                + "Authorization: Bearer caller\r\nUpgrade: h2c\r\nProxy-Connection: x\r\n")
        let head = drive.forwarded().head
        for name in [
            "connection", "x-mine", "keep-alive", "te", "proxy-authorization", "upgrade",
            "proxy-connection",
        ] {
            #expect(head.field(name) == nil, "\(name)")
        }
        #expect(head.field("authorization") == "Bearer caller")
        #expect(head.field("x-forwarded-for") == "192.0.2.7")
    }

    @Test("the canonical path is what is forwarded")
    func canonicalPath() throws {
        let drive = Drive(SnapshotSample())
        try drive.get("/a/%2e%2e//b%41?q=%2f")
        #expect(drive.forwarded().head.startLine == "GET /bA?q=%2f HTTP/1.1")
        drive.gone()
        try drive.begin("GET http://other.test?x HTTP/1.1\r\nHost: mesh.test\r\n\r\n")
        #expect(drive.forwarded().head.startLine == "GET /?x HTTP/1.1")
        #expect(drive.forwarded().head.field("host") == "other.test")
    }

    @Test("one exchange value serves request after request of a connection")
    func reuse() throws {
        let drive = Drive(SnapshotSample.model())
        for _ in 0..<3 {
            try drive.post("/v1/chat/completions", #"{"model":"small"}"#)
            drive.sent()
            try drive.answered(200, "content-type: application/json\r\ncontent-length: 2\r\n")
            drive.came("{}", isLast: true)
            drive.ended()
            #expect(drive.unsettled == nil && drive.record.model == "small")
            try drive.get("/v1/models")
            #expect(drive.unsettled == nil && drive.record.model == nil)
            #expect(drive.record.attempts == 0 && drive.record.backend == nil)
        }
        #expect(drive.keepsAlive)
    }

    @Test("a backend may strip and prefix the path, and choose the host")
    func backendPaths() throws {
        var sample = SnapshotSample()
        sample.backends = [
            BackendSample {
                $0.pathStrip = bytes("/v1")
                $0.pathPrefix = bytes("/openai")
                $0.hostHeader = bytes("api.example")
            }
        ]
        let drive = Drive(sample)
        for (path, expected) in [
            ("/v1/chat", "/openai/chat"), ("/v1", "/openai"), ("/v1/", "/openai/"),
            ("/v10/x", "/openai/v10/x"), ("/", "/openai/"), ("/x?q", "/openai/x?q"),
        ] {
            try drive.get(path)
            let head = drive.forwarded().head
            #expect(head.startLine == "GET \(expected) HTTP/1.1")
            #expect(head.field("host") == "api.example")
            drive.gone()
        }
        sample.backends = [BackendSample { $0.pathStrip = bytes("/v1") }]
        let stripping = Drive(sample)
        try stripping.get("/v1")
        #expect(stripping.forwarded().head.startLine == "GET / HTTP/1.1")
    }
}
