// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Answers of the Responses API that go on elsewhere")
struct ResumeResponseTests {
    private let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    private let plain =
        #"{"model":"small","stream":true,"max_output_tokens":9,"input":"q"}"#

    private func event(_ type: String, _ members: String) -> String {
        "event: \(type)\ndata: {\"type\":\"\(type)\",\(members)}\n\n"
    }

    private func created(_ id: String) -> String {
        event("response.created", #""response":{"id":"\#(id)"},"sequence_number":0"#)
    }

    private func added(_ id: String) -> String {
        event(
            "response.output_item.added",
            #""output_index":0,"item":{"id":"\#(id)","type":"message"},"sequence_number":1"#)
    }

    private func delta(_ text: String, _ id: String, _ number: Int) -> String {
        event(
            "response.output_text.delta",
            #""output_index":0,"content_index":0,"item_id":"\#(id)","delta":"\#(text)","#
                + #""sequence_number":\#(number)"#)
    }

    private func completed(_ id: String, _ number: Int) -> String {
        event(
            "response.completed",
            #""response":{"id":"\#(id)","output":[]},"sequence_number":\#(number)"#)
    }

    private func drive(
        _ prefills: [Prefill], body: String? = nil, attempts: Int? = 2
    ) throws -> Drive {
        let drive = Drive(
            SnapshotSample.model(
                fallbacks: prefills.count - 1,
                continuation: attempts.map { ContinuationPolicy(attempts: $0, restarts: true) },
                capabilities: prefills.map { Capabilities(prefill: $0) }))
        try drive.post("/v1/responses", body ?? plain)
        drive.sent()
        try drive.answered(head)
        return drive
    }

    private func begun(_ prefills: [Prefill], body: String? = nil) throws -> Drive {
        let drive = try drive(prefills, body: body)
        drive.came(created("a") + added("x") + delta("The", "x", 2) + delta(" fox", "x", 3))
        drive.written = ""
        return drive
    }

    private let said =
        #"{"type":"message","id":"msg_0","role":"assistant","status":"in_progress","content":"#
        + #"[{"type":"output_text","annotations":[],"text":"The fox"}]}"#

    @Test("who can be told what was said is told by an item behind the input")
    func told() throws {
        let forms = [
            (#""q""#, #"[{"role":"user","content":"q"},\#(said)]"#),
            (#"[{"role":"user","content":"q"}]"#, #"[{"role":"user","content":"q"},\#(said)]"#),
            (#"[]"#, #"[\#(said)]"#),
        ]
        for prefill in [Prefill.assistantMessage, .continueFinalMessage] {
            for (input, asked) in forms {
                let drive = try begun(
                    [.none, prefill],
                    body: plain.replacing(#""input":"q""#, with: #""input":\#(input)"#))
                #expect(drive.broke().dispatch?.endpoint == 1)
                let body = drive.forwarded().body
                #expect(body.contains(#""input":\#(asked)"#), "\(body)")
                #expect(body.contains(#""max_output_tokens":7"#))
                #expect(!body.contains("continue_final_message"))
                #expect(drive.gone().isDone && drive.unsettled == nil)
            }
        }
    }

    @Test("all others begin anew: forms, thoughts, calls, and inputs that end with the assistant")
    func anew() throws {
        let bodies = [
            plain.replacing(
                #""input""#, with: #""text":{"format":{"type":"json_schema"}},"input""#),
            plain.replacing(#""q""#, with: #"[{"role":"assistant","content":"Once, "}]"#),
        ]
        for body in bodies {
            let drive = try begun([.none, .assistantMessage], body: body)
            drive.broke()
            #expect(!drive.forwarded().body.contains("The fox"), "\(body)")
        }
        for prefill in [Prefill.none, .prefixFlag] {
            let drive = try begun([.none, prefill])
            drive.broke()
            #expect(!drive.forwarded().body.contains("The fox"))
        }
        let thought = try begun([.none, .assistantMessage])
        thought.came(
            event(
                "response.output_item.added",
                #""output_index":1,"item":{"id":"t","type":"reasoning"},"sequence_number":4"#))
        thought.broke()
        #expect(!thought.forwarded().body.contains("The fox"))
        let free = plain.replacing(
            #""input""#, with: #""text":{"format":{"type":"text"},"verbosity":"low"},"input""#)
        let drive = try begun([.none, .assistantMessage], body: free)
        drive.broke()
        #expect(drive.forwarded().body.contains("The fox"))
    }

    @Test("the two become one stream with one name and one row of numbers")
    func spliced() throws {
        for prefill in [Prefill.none, .assistantMessage] {
            let drive = try begun([.none, prefill])
            drive.broke()
            drive.sent()
            try drive.answered(head)
            drive.came(created("b") + added("y"))
            if prefill == .none { drive.came(delta("The fox", "y", 2)) }
            drive.came(delta(" jumps", "y", 3) + completed("b", 4))
            #expect(drive.ended().endsAnswer && drive.unsettled == nil)
            #expect(
                drive.written == ": resumed by backend default/b1, model fallback-1\n\n"
                    + delta(" jumps", "x", 4) + completed("a", 5))
            #expect(drive.record.flags.isSuperset(of: [.stream, .resumed, .fallback]))
        }
    }

    @Test("that a response begins is no answer yet: another server may give one")
    func opening() throws {
        for report in [
            event("response.failed", #""response":{"error":{"code":"x","message":"dead"}}"#),
            event("error", #""code":"server_error","message":"dead""#), "data: [DONE]\n\n",
        ] {
            let drive = try drive([.none, .none], attempts: nil)
            drive.came(created("a"))
            #expect(drive.written.isEmpty && drive.came(report) == .broken)
            #expect(drive.broke().dispatch?.endpoint == 1, "\(report)")
            drive.sent()
            try drive.answered(head)
            drive.came(created("b"))
            #expect(drive.written.isEmpty)
            drive.came(added("y"))
            drive.came(completed("b", 2))
            #expect(drive.ended().endsAnswer && drive.unsettled == nil)
            #expect(drive.written == created("b") + added("y") + completed("b", 2))
        }
    }

    @Test("a failure that is told before anything else is the answer when nobody else can give one")
    func refused() throws {
        let drive = try drive([.none], attempts: nil)
        drive.came(created("a"))
        drive.came(event("error", #""code":"server_error","message":"dead""#))
        var step = drive.broke()
        if step.dispatch != nil { step = drive.failed(.connect) }
        #expect(step.isDone && drive.unsettled == nil)
        #expect(drive.written.startLine.hasPrefix("HTTP/1.1 50"))
    }

    @Test("without anybody to go on, the event of an error has the next number")
    func numbered() throws {
        for attempts in [2, nil] {
            let drive = try drive([.none], attempts: attempts)
            drive.came(created("a") + added("x") + delta("The", "x", 2))
            drive.written = ""
            var step = drive.broke()
            if step.dispatch != nil { step = drive.failed(.connect) }
            #expect(step.isDone && step.writesBody && drive.unsettled == nil)
            #expect(
                drive.written.hasPrefix(
                    "event: error\ndata: {\"type\":\"error\",\"sequence_number\":3,"),
                "\(drive.written)")
        }
    }

    @Test("a failure in the middle is told in the server's words, unless others were asked")
    func report() throws {
        let failed = event(
            "response.failed", #""response":{"id":"a","error":{"code":"c","message":"m"}}"#)
        for attempts in [0, 2] {
            let drive = try drive([.none], attempts: attempts)
            drive.came(created("a") + added("x") + delta("The", "x", 2))
            drive.written = ""
            drive.came(failed)
            #expect(drive.written.isEmpty)
            var step = drive.broke()
            #expect((step.dispatch == nil) == (attempts == 0))
            if step.dispatch != nil { step = drive.failed(.connect) }
            #expect(step.isDone && drive.unsettled == nil)
            if attempts == 0 {
                #expect(drive.written == failed)
            } else {
                #expect(drive.written.hasPrefix("event: error\ndata: {\"type\":\"error\","))
            }
        }
    }

    @Test("what all servers were asked and said is counted and paid")
    func accounts() throws {
        let drive = try begun([.none, .assistantMessage])
        drive.broke()
        drive.sent()
        try drive.answered(head)
        drive.came(created("b") + added("y") + delta(" jumps", "y", 2))
        drive.came(
            event(
                "response.completed",
                #""response":{"id":"b","usage":{"input_tokens":12,"output_tokens":1}}"#))
        #expect(drive.ended().endsAnswer)
        #expect(drive.record.tokens.input == 10 + 12 && drive.record.tokens.output == 2 + 1)
        #expect(drive.written.contains(#""usage":{"input_tokens":10,"output_tokens":3,"#))
        #expect(drive.unsettled == nil)
    }
}
