// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshExchange
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Answers that are streams")
struct StreamTests {
    private let path = "/v1/chat/completions"
    private let token = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
    private let stop = "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n"
    private let usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n"
    private let done = "data: [DONE]\n\n"

    /// A stream whose head was passed on.
    private func stream(
        _ body: String = #"{"model":"small","stream":true}"#, limits: ConnectionLimits? = nil,
        minor: UInt8 = 1, fields: String = "transfer-encoding: chunked\r\n"
    ) throws -> Drive {
        var sample = SnapshotSample.model()
        if let limits { sample.limits = limits }
        let drive = Drive(sample)
        try drive.post(path, body)
        drive.sent()
        drive.wait(.milliseconds(10))
        try drive.answered(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\(fields)\r\n", minor: minor)
        drive.written = ""
        return drive
    }

    @Test("usage is asked for when the caller did not, and left out again")
    func asks() throws {
        let drive = try stream()
        #expect(
            drive.forwarded().body
                == #"{"stream_options":{"include_usage":true},"model":"real-model","stream":true}"#)
        for event in [token, stop, usage, done] { drive.came(event) }
        let step = drive.ended()
        #expect(step.endsAnswer && step.isDone && !step.closesClient && !step.writesBody)
        #expect(drive.written == token + stop + done)
        #expect(drive.record.tokens.input == 3 && drive.record.tokens.output == 2)
        #expect(drive.record.flags == .stream && drive.unsettled == nil)
    }

    @Test("usage that the caller asked for stays")
    func keeps() throws {
        let drive = try stream(
            #"{"model":"small","stream":true,"stream_options":{"include_usage":true}}"#)
        #expect(
            !drive.forwarded().body.contains("}}{") && drive.forwarded().body.contains("real-model")
        )
        for event in [token, stop, usage, done] { #expect(drive.came(event) == .unchanged) }
        drive.ended()
        #expect(drive.written == token + stop + usage + done)
        #expect(drive.record.tokens.input == 3 && drive.unsettled == nil)
    }

    @Test("usage is not asked for where nothing is streamed, or where it comes unasked")
    func doesNotAsk() throws {
        let drive = Drive(SnapshotSample.model())
        for (path, body) in [
            (path, #"{"model":"small"}"#), (path, #"{"model":"small","stream":false}"#),
            ("/v1/responses", #"{"model":"small","stream":true}"#),
            ("/v1/embeddings", #"{"model":"small","stream":true}"#),
        ] {
            try drive.post(path, body)
            #expect(!drive.forwarded().body.contains("include_usage"))
            drive.gone()
        }
    }

    @Test("the first token is timed, not the first byte or a comment")
    func firstToken() throws {
        let drive = try stream()
        drive.wait(.milliseconds(5))
        drive.came(": ping\n\n")
        drive.wait(.milliseconds(5))
        drive.came(token + stop)
        drive.wait(.milliseconds(5))
        drive.came(done)
        drive.ended()
        #expect(drive.record.firstByte == .milliseconds(10))
        #expect(drive.record.firstToken == .milliseconds(20))
        #expect(drive.record.total == .milliseconds(25))
    }

    @Test("a stream without its end gets an error event, no end, and a closed connection")
    func truncated() throws {
        let endings: [(String, (Drive) -> Step)] = [
            ("framing ended", { $0.ended() }), ("connection broke", { $0.broke() }),
        ]
        for (name, ending) in endings {
            let drive = try stream()
            drive.came(token)
            drive.came("data: {\"choices\":[{\"del")
            drive.written = ""
            let step = ending(drive)
            #expect(step.isDone && step.writesBody && step.closesClient, "\(name)")
            #expect(!step.endsAnswer && step.abandonsUpstream, "\(name)")
            #expect(!drive.keepsAlive, "\(name)")
            #expect(drive.written.hasPrefix("data: {") && drive.written.hasSuffix("}\n\n"))
            let data = Data(drive.written.dropFirst(6).utf8)
            let event = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            let error = try #require(event["error"] as? [String: Any])
            #expect(error["code"] as? String == "stream-truncated")
            #expect(drive.refusal == "stream-truncated" && drive.record.fault == .upstream)
            #expect(drive.record.flags.contains(.truncated) && drive.record.status == 200)
            #expect(drive.unsettled == nil, "\(name)")
        }
    }

    @Test("a stream that is finished but for its framing is passed on as whole")
    func brokenFraming() throws {
        for last in [done, stop + done, "data: {\"error\":{\"message\":\"m\"}}\n\n"] {
            let drive = try stream()
            drive.came(token)
            drive.came(last)
            let step = drive.broke()
            #expect(step.endsAnswer && step.abandonsUpstream && !step.closesClient)
            #expect(!drive.record.flags.contains(.truncated) && drive.unsettled == nil)
        }
        // All was said, and what lacks is added.
        let whole = try stream()
        whole.came(token + stop)
        #expect(whole.broke().endsAnswer && whole.written == token + stop + done)
        #expect(!whole.record.flags.contains(.truncated) && whole.unsettled == nil)
        // Behind one finish reason other choices may still go on.
        let drive = try stream(#"{"model":"small","stream":true,"n":2}"#)
        drive.came(token + stop)
        #expect(!drive.broke().endsAnswer && drive.record.flags.contains(.truncated))
        let two = try stream(#"{"model":"small","stream":true,"n":2}"#)
        two.came(token + stop + stop)
        #expect(two.broke().endsAnswer && two.unsettled == nil)
    }

    @Test("a stream that stalls gets its own error event")
    func stalled() throws {
        let drive = try stream()
        drive.came(token)
        drive.written = ""
        let step = drive.expire()
        #expect(step.writesBody && !step.endsAnswer && step.closesClient)
        #expect(drive.written.contains("stream-stalled") && drive.unsettled == nil)
    }

    @Test("nothing is put behind [DONE], and nothing behind it passes")
    func afterDone() throws {
        let drive = try stream()
        drive.came(token + done + token)
        #expect(drive.written == token + done)
        drive.written = ""
        let step = drive.expire()
        #expect(!step.writesBody && drive.written.isEmpty && drive.unsettled == nil)
    }

    @Test(
        "an event above the bound, or one that is not JSON, breaks the stream, unless it has ended")
    func hugeEvent() throws {
        let limits = ConnectionLimits(eventBytesMax: 200)
        for bad in ["data: " + String(repeating: "x", count: 300), "data: {no}\n\n"] {
            for front in [token, token + usage] {
                let drive = try stream(limits: limits)
                #expect(drive.came(front + bad) == .broken)
                #expect(drive.written == token)
                let step = drive.broke()
                #expect(!step.endsAnswer && step.closesClient, "behind \(front)")
                #expect(drive.refusal == "stream-malformed")
                #expect(drive.record.flags.contains(.truncated) && drive.unsettled == nil)
            }
            for front in [token + stop, token + done] {
                let drive = try stream(limits: limits)
                drive.came(front + bad)
                #expect(drive.broke().endsAnswer && drive.unsettled == nil)
                #expect(drive.written == (front.contains("DONE") ? front : front + done))
            }
        }
    }

    @Test("a held last event goes out with the end")
    func heldEnd() throws {
        let drive = try stream()
        #expect(drive.came("\(token)data: [DONE]") == .replaced)
        let step = drive.ended()
        #expect(step.writesBody && step.endsAnswer)
        #expect(drive.written == token + "data: [DONE]" && drive.unsettled == nil)
    }

    @Test("an error that the server streams is an end, and counts against the endpoint")
    func upstreamError() throws {
        let drive = try stream()
        drive.came(token)
        drive.came("data: {\"error\":{\"message\":\"out of memory\"}}\n\n")
        let step = drive.ended()
        #expect(step.endsAnswer && !step.writesBody && drive.unsettled == nil)
    }

    @Test("an error in the place of the first event becomes an answer with a status")
    func firstError() throws {
        let report = "{\"error\":{\"message\":\"engine is dead\",\"code\":503}}"
        let drive = try stream()
        #expect(drive.came("data: \(report)\n\n") == .broken)
        #expect(drive.written.isEmpty && drive.phase == .holding)
        let step = drive.broke()
        #expect(step.isDone && step.writes && drive.written.startLine.contains("503"))
        #expect(drive.written.afterHead == report && drive.refusal == "upstream-failed")
        #expect(drive.unsettled == nil)
    }

    @Test("nothing is written before the first event, and comments in front of it are left out")
    func holding() throws {
        let drive = try stream()
        #expect(drive.came(": ping\n\n") == .replaced)
        #expect(drive.came("data: {\"choi") == .replaced)
        #expect(drive.written.isEmpty && drive.releasedHead.isEmpty && drive.phase == .holding)
        drive.came("ces\":[]}\n\n" + token)
        #expect(drive.releasedHead.startLine == "HTTP/1.1 200 OK" && drive.phase == .relaying)
        #expect(drive.releasedHead.hasSuffix("\r\n\r\n"))
        #expect(drive.written.hasSuffix(token))
        drive.came(stop + done)
        #expect(drive.ended().endsAnswer && drive.unsettled == nil)
    }

    @Test("a stream is never framed by a length, for an event may be left out or added")
    func framing() throws {
        let counted = try stream(fields: "content-length: 500\r\n")
        #expect(counted.framing() == .chunked)
        let old = try stream(minor: 0, fields: "content-length: 500\r\n")
        #expect(old.framing(minor: 0) == .untilClose && !old.keepsAlive)
        let chunked = try stream()
        #expect(chunked.framing() == .asReceived)
    }

    @Test("a stream of the Responses API ends wherever its event says so")
    func responses() throws {
        let drive = Drive(SnapshotSample.model())
        let created = "data: {\"response\":{},\"type\":\"response.created\"}\n\n"
        let text = "data: {\"delta\":\"\\\"type\\\":\\\"response.completed\\\"\"}\n\n"
        let completed = "data: {\"response\":{},\"type\" : \"response.completed\"}\n\n"
        for (last, isWhole) in [(text, false), (completed, true)] {
            try drive.post("/v1/responses", #"{"model":"small","stream":true}"#)
            drive.sent()
            try drive.answered(200, "content-type: text/event-stream\r\n")
            drive.came(created + last)
            #expect(drive.ended().endsAnswer == isWhole, "\(last)")
            #expect(drive.unsettled == nil)
        }
    }

    @Test("a caller that reads too slowly is waited for in place of the endpoint")
    func paused() throws {
        let drive = try stream()
        drive.came(token)
        let upstreamLimit = drive.deadline
        drive.exchange.answerPaused(at: drive.now)
        #expect(drive.deadline == drive.now + .seconds(300) && drive.deadline > upstreamLimit)
        drive.wait(.seconds(100))
        #expect(!drive.tick().isDone)
        drive.exchange.answerResumed(at: drive.now)
        #expect(drive.deadline == drive.now + .seconds(30))
        drive.came(token)
        drive.exchange.answerPaused(at: drive.now)
        let step = drive.expire()
        #expect(step.isDone && step.closesClient && !step.writesBody && !step.endsAnswer)
        #expect(drive.record.flags.contains(.clientAborted) && drive.unsettled == nil)
    }

    @Test("a stream is known by its type in any case, with parameters behind it")
    func types() throws {
        for type in ["Text/Event-Stream", "text/event-stream; charset=utf-8"] {
            let drive = Drive(SnapshotSample.model())
            try drive.post(path, #"{"model":"small","stream":true}"#)
            drive.sent()
            try drive.answered(200, "content-type: \(type)\r\n")
            drive.came(token)
            #expect(!drive.ended().endsAnswer && drive.refusal == "stream-truncated")
        }
        for type in ["text/event", "text/html", "application/json"] {
            let other = Drive(SnapshotSample.model())
            try other.post(path, #"{"model":"small","stream":true}"#)
            other.sent()
            try other.answered(200, "content-type: \(type)\r\n")
            #expect(other.refusal == "upstream-malformed" && other.unsettled == nil, "\(type)")
        }
    }

    @Test("a compressed stream and one of no model pass unread")
    func unread() throws {
        let coded = try stream(fields: "content-encoding: gzip\r\ncontent-length: 3\r\n")
        #expect(coded.came("xyz", isLast: true) == .unchanged)
        #expect(coded.ended().endsAnswer && coded.framing() == .asReceived)
        #expect(coded.record.flags == .usageMissing && coded.unsettled == nil)
        let plain = Drive(SnapshotSample())
        try plain.get("/events")
        plain.sent()
        try plain.answered(200, "content-type: text/event-stream\r\n")
        #expect(plain.came("data: x") == .unchanged && plain.framing() == .chunked)
        #expect(plain.ended().endsAnswer && plain.record.flags == [])
    }

    @Test("an answer without usage says so in its record")
    func usageMissing() throws {
        let drive = try stream()
        drive.came(token + stop + done)
        drive.ended()
        #expect(drive.record.flags == [.stream, .usageMissing])
        #expect(drive.record.tokens == TokenCounts())
    }
}
