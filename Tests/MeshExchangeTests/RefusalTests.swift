// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshDialects
import MeshExchange
import MeshSnapshot
import MeshTelemetry
import MeshWire
import Testing

@Suite("Requests that are refused")
struct RefusalTests {
    private func error(_ drive: Drive) throws -> [String: Any] {
        let data = Data(drive.written.afterHead.utf8)
        let whole = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        return whole["error"] as? [String: Any] ?? whole
    }

    private func expect(
        _ drive: Drive, _ status: Int, _ code: String, _ comment: Comment = ""
    ) {
        #expect(drive.written.startLine.hasPrefix("HTTP/1.1 \(status) "), comment)
        #expect(drive.refusal == code && drive.record.status == UInt16(status), comment)
        let length = drive.written.afterHead.utf8.count
        #expect(drive.written.field("content-length") == "\(length)", comment)
        #expect(drive.unsettled == nil, comment)
    }

    @Test("a request that no route takes gets a problem document and may go on")
    func noRoute() throws {
        var sample = SnapshotSample()
        sample.prefixes = ["/only"]
        let drive = Drive(sample)
        try drive.get("/other")
        expect(drive, 404, "no-route")
        #expect(drive.written.field("content-type") == "application/problem+json")
        #expect(try error(drive)["code"] as? String == "no-route")
        #expect(drive.written.field("x-request-id") == (try error(drive)["request_id"] as? String))
        #expect(drive.keepsAlive && drive.record.fault == .client)
    }

    @Test("a port that is gone, and a snapshot without ports, take nothing")
    func noPort() throws {
        let drive = Drive(SnapshotSample())
        for port in [-1, 1, 7] {
            try drive.begin("GET / HTTP/1.1\r\nHost: a\r\n\r\n", port: port)
            expect(drive, 404, "no-route")
        }
    }

    @Test("a path that two servers could read differently is refused before it is routed")
    func ambiguousPath() throws {
        let drive = Drive(SnapshotSample())
        for path in ["/a%2fb", "/..;/admin", "/a%00", "/../x", "/%5c"] {
            try drive.get(path)
            expect(drive, 400, "ambiguous-path", "\(path)")
        }
    }

    @Test("CONNECT, TRACE and upgrades are refused, an offer of h2c is not taken up")
    func methods() throws {
        let drive = Drive(SnapshotSample())
        try drive.begin("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")
        expect(drive, 405, "method-not-supported")
        try drive.begin("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n")
        expect(drive, 501, "method-not-supported")
        for upgrade in ["websocket", "h2c, websocket", "TLS/1.2"] {
            try drive.get("/", fields: "Connection: Upgrade\r\nUpgrade: \(upgrade)\r\n")
            expect(drive, 501, "method-not-supported", "\(upgrade)")
        }
        let step = try drive.get(
            "/",
            fields: "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: H2C\r\n"
                + "HTTP2-Settings: AAM\r\n")
        #expect(step.dispatch != nil)
        let head = drive.forwarded().head
        #expect(head.field("upgrade") == nil && head.field("http2-settings") == nil)
        drive.gone()
        // Without a Connection field that names it, Upgrade means nothing.
        #expect(try drive.get("/", fields: "Upgrade: websocket\r\n").dispatch != nil)
        #expect(drive.forwarded().head.field("upgrade") == nil)
    }

    @Test("a body that may not be forwarded unread is refused by its length before it comes")
    func tooLarge() throws {
        var sample = SnapshotSample.model()
        sample.limits.bufferedBodyBytesMax = 100
        let drive = Drive(sample)
        let step = try drive.begin(
            "POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n")
        #expect(!step.collectsBody && step.closesClient)
        expect(drive, 413, "body-too-large")
        #expect(drive.written.field("connection") == "close")
        // In chunks the length shows only later, and the driver says so.
        try drive.begin(
            "POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        #expect(drive.phase == .collecting)
        drive.take(
            drive.exchange.bodyFailed(Refusal(.bodyTooLarge), shard: &drive.shard, at: drive.now))
        expect(drive, 413, "body-too-large")
    }

    @Test("a body that does not come in time is refused")
    func slowBody() throws {
        let drive = Drive(SnapshotSample.model())
        try drive.begin("POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        drive.wait(.seconds(29))
        #expect(!drive.tick().isDone)
        drive.exchange.bodyProgressed(at: drive.now)
        drive.wait(.seconds(29))
        #expect(!drive.tick().isDone)
        drive.wait(.seconds(1))
        #expect(drive.tick().closesClient)
        expect(drive, 408, "request-timeout")
    }

    @Test("what is not a request is answered and its connection closed")
    func malformed() {
        let drive = Drive(SnapshotSample())
        for (code, status, name) in [
            (Violation.Code.bareLF, 400, "malformed-request"),
            (.headTooLarge, 431, "head-too-large"), (.targetTooLong, 414, "head-too-large"),
        ] {
            drive.steps = []
            drive.written = ""
            let step = drive.take(
                drive.exchange.refuseMalformed(
                    Violation(code, at: 3), shard: &drive.shard, at: drive.now))
            #expect(step.closesClient && drive.written.field("connection") == "close")
            expect(drive, status, name)
        }
    }

    @Test("a connection that comes too many is told to come again")
    func unread() {
        let drive = Drive(SnapshotSample())
        let step = drive.take(
            drive.exchange.refuseUnread(
                Refusal(.tooManyConnections), shard: &drive.shard, at: drive.now))
        #expect(step.closesClient && drive.written.field("retry-after") == "1")
        expect(drive, 503, "too-many-connections")
        #expect(drive.record.fault == .limit)
    }

    @Test("a refusal of a HEAD has the length of the body that it leaves out")
    func headRefusal() throws {
        var sample = SnapshotSample()
        sample.prefixes = ["/only"]
        let drive = Drive(sample)
        try drive.begin("HEAD /other HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(drive.written.startLine == "HTTP/1.1 404 Not Found")
        #expect(drive.written.afterHead.isEmpty)
        let length = Int(drive.written.field("content-length") ?? "") ?? 0
        #expect(length > 50)
        #expect(drive.unsettled == nil)
    }

    @Test("a rule without a usable backend answers as the Gateway API demands")
    func noBackend() throws {
        var sample = SnapshotSample()
        for rule in [
            Rule(route: "default/r", index: 0, action: .refuse(500)),
            Rule(
                route: "default/r", index: 0,
                action: .forward([WeightedTarget(weight: 1, destination: .invalid)])),
            Rule(
                route: "default/r", index: 0,
                action: .forward([WeightedTarget(weight: 0, destination: .backend(0))])),
            Rule(route: "default/r", index: 0, action: .forward([])),
        ] {
            sample.rules = [rule]
            let drive = Drive(sample)
            try drive.get("/")
            expect(drive, 500, "no-backend")
        }
    }

    @Test("a backend without endpoints is unreachable")
    func noEndpoint() throws {
        var sample = SnapshotSample()
        sample.backends = [BackendSample(endpoints: 0)]
        let drive = Drive(sample)
        try drive.get("/")
        expect(drive, 503, "upstream-unreachable")
        #expect(drive.written.field("retry-after") == "1" && drive.record.attempts == 0)
        #expect(try error(drive)["retryable"] as? Bool == true)
    }

    @Test("every code has a name, a status, a sentence and a scope of its own kind")
    func codes() {
        var names: Set<String> = []
        for code in Refusal.Code.allCases {
            names.insert("\(code.name)")
            #expect((400...599).contains(code.status) && !code.summary.isEmpty)
            let isClient = code.scope == .client
            // A limit or a rule is not the fault of the caller, though its status is one of a
            // client.
            #expect(
                isClient == (400..<500).contains(code.status)
                    || [403, 429, 501].contains(code.status))
            #expect(Refusal(code).answer.code == "\(code.name)")
        }
        #expect(names.count == Refusal.Code.allCases.count)
    }
}
