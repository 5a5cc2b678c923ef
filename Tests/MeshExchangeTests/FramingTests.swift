// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Framing of answers")
struct FramingTests {
    /// A request whose answer's head was passed on.
    private func answered(
        _ answer: String, method: String = "GET", version: String = "1.1", fields: String = ""
    ) throws -> Drive {
        let drive = Drive(SnapshotSample())
        try drive.begin("\(method) / HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n")
        drive.sent()
        try drive.answered(answer, minor: version == "1.0" ? 0 : 1)
        return drive
    }

    @Test("a length passes as it is")
    func length() throws {
        let drive = try answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        #expect(drive.framing() == .asReceived)
        #expect(drive.written.field("content-length") == "5")
        #expect(drive.written.field("transfer-encoding") == nil)
    }

    @Test("chunks stay chunks, and a body that ends with its connection becomes chunks")
    func chunks() throws {
        for answer in [
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n",
        ] {
            let drive = try answered(answer)
            #expect(drive.written.field("transfer-encoding") == "chunked")
            #expect(drive.written.field("content-length") == nil)
            #expect(drive.written.field("connection") == nil && drive.keepsAlive)
            #expect(drive.written.startLine == "HTTP/1.1 200 OK")
        }
    }

    @Test("a caller of HTTP/1.0 is never sent chunks")
    func oldCallers() throws {
        for answer in [
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
        ] {
            let drive = try answered(answer, version: "1.0", fields: "Connection: keep-alive\r\n")
            #expect(drive.framing(minor: 0) == .untilClose)
            #expect(drive.written.field("transfer-encoding") == nil)
            #expect(drive.written.field("content-length") == nil)
            #expect(drive.written.field("connection") == "close")
            drive.came("x")
            let step = drive.ended()
            #expect(step.closesClient && step.endsAnswer && drive.unsettled == nil)
        }
    }

    @Test("a caller of HTTP/1.0 keeps its connection only when it asked to, and is told")
    func oldKeepAlive() throws {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        let kept = try answered(answer, version: "1.0", fields: "Connection: keep-alive\r\n")
        #expect(kept.written.field("connection") == "keep-alive" && !kept.ended().closesClient)
        let closed = try answered(answer, version: "1.0")
        #expect(closed.written.field("connection") == "close" && closed.ended().closesClient)
    }

    @Test("a caller of HTTP/1.0 is told so with the mesh's own answers, too")
    func oldRefusals() throws {
        let drive = Drive(SnapshotSample())
        try drive.begin("GET /a%00 HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
        #expect(drive.written.field("connection") == "keep-alive")
        #expect(drive.steps.last?.closesClient == false)
        try drive.begin("GET /a%00 HTTP/1.0\r\nHost: a\r\n\r\n")
        #expect(drive.written.field("connection") == "close")
        #expect(drive.steps.last?.closesClient == true)
    }

    @Test("a caller that wants to close is answered and closed")
    func close() throws {
        let drive = try answered(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", fields: "Connection: close\r\n")
        #expect(drive.written.field("connection") == "close" && drive.ended().closesClient)
    }

    @Test("an answer to HEAD has its length and no body")
    func head() throws {
        let drive = try answered("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", method: "HEAD")
        #expect(drive.framing() == .none)
        #expect(drive.written.field("content-length") == "500")
        #expect(drive.ended().endsAnswer && drive.unsettled == nil)
        let chunked = try answered(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", method: "HEAD")
        #expect(chunked.framing() == .none && chunked.ended().endsAnswer)
    }

    @Test("204 and 304 have no body, and 204 no length either")
    func noBody() throws {
        let empty = try answered("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n")
        #expect(empty.framing() == .none && empty.written.field("content-length") == nil)
        #expect(empty.written.field("transfer-encoding") == nil)
        #expect(empty.ended().endsAnswer && empty.unsettled == nil)
        let same = try answered("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n")
        #expect(same.framing() == .none && same.written.field("content-length") == "5")
        #expect(same.ended().endsAnswer && same.unsettled == nil)
    }

    @Test("a request that was not read whole closes behind a refusal")
    func unread() throws {
        let drive = Drive(SnapshotSample())
        try drive.begin("POST /a%00 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
        #expect(drive.written.field("connection") == "close")
        #expect(drive.steps.last?.closesClient == true && drive.unsettled == nil)
    }
}
