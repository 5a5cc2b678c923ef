// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Answers that go on elsewhere")
struct ResumeTests {
    private let path = "/v1/chat/completions"
    private let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    private let ask =
        #"{"model":"small","stream":true,"max_tokens":9,"#
        + #""messages":[{"role":"user","content":"q"}]}"#

    private func token(_ text: String, _ id: String = "a") -> String {
        "data: {\"id\":\"\(id)\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\(text)\"},"
            + "\"finish_reason\":null}]}\n\n"
    }

    private func finish(_ id: String) -> String {
        "data: {\"id\":\"\(id)\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
            + "\"stop\"}]}\n\n"
    }

    /// A model with as many targets as `prefills`, the first answer having begun.
    private func begun(
        _ prefills: [Prefill], body: String? = nil, restarts: Bool = true, attempts: Int = 2,
        endpoints: Int = 1, timeouts: Timeouts = Timeouts()
    ) throws -> Drive {
        let drive = Drive(
            SnapshotSample.model(
                fallbacks: prefills.count - 1, endpoints: endpoints, timeouts: timeouts,
                continuation: ContinuationPolicy(attempts: attempts, restarts: restarts),
                capabilities: prefills.map { Capabilities(prefill: $0) }))
        try drive.post(path, body ?? ask)
        drive.sent()
        try drive.answered(head)
        drive.came(token("The") + token(" fox"))
        drive.written = ""
        return drive
    }

    @Test("a server that can be told what was said is told, each in its own way")
    func told() throws {
        let forms: [(Prefill, String)] = [
            (.assistantMessage, #"{"role":"assistant","content":"The fox"}"#),
            (.prefixFlag, #"{"role":"assistant","content":"The fox","prefix":true}"#),
        ]
        for (prefill, message) in forms {
            let drive = try begun([.none, prefill])
            let step = drive.broke()
            #expect(step.dispatch?.endpoint == 1 && step.abandonsUpstream && !step.isDone)
            let body = drive.forwarded().body
            #expect(body.contains(#"{"role":"user","content":"q"},"# + message + "]"), "\(body)")
            #expect(body.contains(#""max_tokens":7"#) && body.contains("fallback-1"))
            #expect(!body.contains("continue_final_message"))
            drive.gone()
        }
        let drive = try begun([.none, .continueFinalMessage])
        drive.broke()
        let body = drive.forwarded().body
        #expect(body.contains(#""continue_final_message":true,"add_generation_prompt":false,"#))
        #expect(body.contains(#"{"role":"assistant","content":"The fox"}]"#))
    }

    @Test("the caller's own words for these things are replaced, not doubled")
    func callersWords() throws {
        let drive = try begun(
            [.none, .continueFinalMessage],
            body: #"{"model":"small","stream":true,"add_generation_prompt":true,"min_tokens":5,"#
                + #""messages":[{"role":"assistant","content":"Once, "}]}"#)
        drive.broke()
        let body = drive.forwarded().body
        #expect(
            body.contains(#""add_generation_prompt":false"#) && body.contains(#""min_tokens":3"#))
        #expect(body.contains(#"[{"role":"assistant","content":"Once, The fox"}]"#), "\(body)")
        #expect(!body.contains(#""add_generation_prompt":true"#))
    }

    @Test("the two become one stream, framed as it began")
    func spliced() throws {
        let drive = try begun([.none, .assistantMessage])
        drive.broke()
        drive.sent()
        let step = try drive.answered(200, "content-type: text/event-stream\r\n")
        #expect(step.relaysBody && step.writesBody && !step.writes)
        #expect(drive.framing() == .chunked && drive.framing(minor: 0) == .untilClose)
        drive.came(token(" jumps", "b") + finish("b") + "data: [DONE]\n\n")
        #expect(drive.ended().endsAnswer)
        #expect(
            drive.written == ": resumed by backend default/b1, model fallback-1\n\n"
                + token(" jumps") + finish("a") + "data: [DONE]\n\n")
        #expect(drive.record.flags.isSuperset(of: [.stream, .resumed, .fallback]))
        #expect(!drive.record.flags.contains(.truncated) && drive.record.attempts == 2)
        #expect(drive.refusal == nil && drive.unsettled == nil)
    }

    @Test("one that cannot be told begins anew, unless the policy forbids it")
    func restarted() throws {
        let drive = try begun([.none, .none])
        drive.broke()
        #expect(!drive.forwarded().body.contains("assistant"))
        drive.sent()
        try drive.answered(head)
        drive.came(token("The fox j", "b") + token("umps", "b") + finish("b"))
        #expect(drive.ended().endsAnswer)
        #expect(drive.written.contains(token(" j") + token("umps") + finish("a")))
        #expect(drive.written.hasSuffix("data: [DONE]\n\n") && drive.unsettled == nil)

        let forbidden = try begun([.none, .none], restarts: false)
        let step = forbidden.broke()
        #expect(step.isDone && step.writesBody && forbidden.written.contains("stream-truncated"))
        #expect(forbidden.unsettled == nil)
    }

    @Test("what an answer must have a form for, or was thought, is not handed on but begun anew")
    func formed() throws {
        let formed = #"{"model":"small","stream":true,"response_format":{"type":"json_object"},"#
        let drive = try begun(
            [.none, .assistantMessage], body: formed + #""messages":[{"role":"user"}]}"#)
        drive.broke()
        #expect(!drive.forwarded().body.contains("assistant"))
        let thought = try begun([.none, .assistantMessage])
        thought.came(
            #"data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}"# + "\n\n")
        thought.broke()
        #expect(!thought.forwarded().body.contains("assistant"))
        let spent = try begun(
            [.none, .assistantMessage], body: ask.replacing("9", with: "2"))
        spent.broke()
        #expect(!spent.forwarded().body.contains("assistant"))
    }

    @Test("a server that says something else than was said ends the answer with an error")
    func diverges() throws {
        let drive = try begun([.none, .none])
        drive.broke()
        drive.sent()
        try drive.answered(head)
        #expect(drive.came(token("A cat", "b")) == .broken)
        let step = drive.broke()
        #expect(step.isDone && step.writesBody && !step.endsAnswer)
        #expect(drive.written.contains("stream-truncated") && !drive.written.contains(" cat"))
        #expect(drive.unsettled == nil)
    }

    @Test("stalls, malformed events and reports are breaks as well, and none of them is shown")
    func breaks() throws {
        let breaks: [(Drive) -> Step] = [
            { $0.expire() }, { $0.ended() },
            { drive in
                drive.came("data: {no}\n\n")
                return drive.broke()
            },
            { drive in
                drive.came("data: {\"error\":{\"message\":\"dead\"}}\n\n")
                return drive.broke()
            },
        ]
        for ending in breaks {
            let drive = try begun([.none, .assistantMessage])
            #expect(ending(drive).dispatch?.endpoint == 1)
            #expect(drive.written.isEmpty)
            drive.sent()
            try drive.answered(head)
            drive.came(token(" jumps", "b") + finish("b"))
            #expect(drive.ended().endsAnswer && drive.unsettled == nil)
        }
    }

    @Test("the server's own report is shown when nobody can go on")
    func report() throws {
        let drive = try begun([.none], attempts: 1, endpoints: 1)
        drive.came("data: {\"error\":{\"message\":\"dead\"}}\n\n")
        // The only endpoint is asked again, once.
        #expect(drive.broke().dispatch != nil)
        drive.sent()
        #expect(drive.failed(.connect).isDone)
        #expect(drive.written.contains("data: {\"error\":{\"message\":\"dead\"}}\n\n"))
        #expect(drive.unsettled == nil)
    }

    @Test("an endpoint that fails before it goes on is followed by the next")
    func another() throws {
        let drive = try begun([.none, .assistantMessage, .assistantMessage])
        #expect(drive.broke().dispatch?.endpoint == 1)
        #expect(drive.failed(.connect).dispatch?.endpoint == 2)
        drive.sent()
        #expect(try drive.answered(503).isDone)
        #expect(drive.written.contains("stream-truncated") && drive.unsettled == nil)
    }

    @Test("an answer goes on as often as the policy says, and no more")
    func often() throws {
        let drive = try begun([.assistantMessage], attempts: 2, endpoints: 4)
        for (number, word) in [" jumps", " over"].enumerated() {
            #expect(drive.broke().dispatch != nil, "\(number)")
            #expect(drive.forwarded().body.contains(number == 0 ? "The fox\"" : "The fox jumps\""))
            drive.sent()
            try drive.answered(head)
            drive.came(token(word, "x"))
        }
        #expect(drive.broke().isDone && drive.written.contains("stream-truncated"))
        #expect(drive.record.attempts == 3 && drive.unsettled == nil)
    }

    @Test("the same endpoint is not asked again while there is another")
    func tried() throws {
        let drive = try begun([.assistantMessage], endpoints: 2)
        let first = drive.currentPick
        drive.broke()
        #expect(drive.currentPick?.endpoint != first?.endpoint)
    }

    @Test("without a policy nothing is kept, and neither is of more answers than anybody gives")
    func notKept() throws {
        let plain = Drive(SnapshotSample.model(fallbacks: 1))
        try plain.post(path, ask)
        plain.sent()
        try plain.answered(head)
        #expect(plain.came(token("The")) == .unchanged)
        #expect(plain.broke().isDone && plain.unsettled == nil)
        let drive = try begun(
            [.none, .assistantMessage],
            body: #"{"model":"small","stream":true,"n":200,"messages":[]}"#)
        #expect(drive.broke().isDone && drive.unsettled == nil)
    }

    @Test("several answers begin anew, for nobody can be told of all of them")
    func several() throws {
        let drive = try begun(
            [.none, .assistantMessage],
            body: #"{"model":"small","stream":true,"n":2,"messages":[{"role":"user"}]}"#)
        drive.came(token("Un").replacing("index\":0", with: "index\":1"))
        drive.written = ""
        #expect(drive.broke().dispatch?.endpoint == 1)
        #expect(!drive.forwarded().body.contains("assistant"))
        drive.sent()
        try drive.answered(head)
        drive.came(token("The fox", "b") + finish("b"))
        // One of the two has ended, so the stream has not.
        drive.came(token("Un deux", "b").replacing("index\":0", with: "index\":1"))
        drive.came(finish("b").replacing("index\":0", with: "index\":1"))
        #expect(drive.ended().endsAnswer && drive.unsettled == nil)
        #expect(drive.written.contains(token(" deux").replacing("index\":0", with: "index\":1")))
        #expect(!drive.written.contains("The fox"))
    }

    @Test("completions of several prompts begin anew, and are whole when each has ended")
    func prompts() throws {
        func piece(_ index: Int, _ text: String, _ reason: String = "null") -> String {
            "data: {\"choices\":[{\"index\":\(index),\"text\":\"\(text)\","
                + "\"finish_reason\":\(reason)}]}\n\n"
        }
        let drive = Drive(
            SnapshotSample.model(
                fallbacks: 1, continuation: ContinuationPolicy(attempts: 2, restarts: true),
                capabilities: [Capabilities(), Capabilities()]))
        try drive.post(
            "/v1/completions", #"{"model":"small","stream":true,"prompt":["a","b"]}"#)
        drive.sent()
        try drive.answered(head)
        drive.came(piece(0, "x") + piece(0, "", "\"stop\""))
        #expect(drive.ended().dispatch?.endpoint == 1)
        #expect(drive.forwarded().body.contains(#""prompt":["a","b"]"#))
        drive.sent()
        try drive.answered(head)
        drive.came(piece(0, "z", "\"stop\"") + piece(1, "y", "\"stop\""))
        #expect(drive.ended().endsAnswer && drive.unsettled == nil)
        #expect(drive.written.contains(piece(1, "y", "\"stop\"")) && !drive.written.contains("z"))
    }

    @Test("an answer with probabilities goes on like any other")
    func probabilities() throws {
        let drive = try begun(
            [.none, .assistantMessage],
            body: #"{"model":"small","stream":true,"logprobs":true,"messages":[]}"#)
        #expect(drive.broke().dispatch?.endpoint == 1)
        #expect(drive.forwarded().body.contains(#"{"role":"assistant","content":"The fox"}"#))
        #expect(drive.gone().isDone && drive.unsettled == nil)
    }

    @Test("who says that nothing follows and never said why has broken off")
    func unfinished() throws {
        let drive = try begun([.none, .assistantMessage])
        #expect(drive.came("data: [DONE]\n\n") == .broken && drive.written.isEmpty)
        #expect(drive.broke().dispatch?.endpoint == 1)
        #expect(drive.gone().isDone && drive.unsettled == nil)
    }

    @Test("what all servers were asked and said is counted and paid")
    func accounts() throws {
        let drive = try begun([.none, .assistantMessage])
        drive.broke()
        drive.sent()
        try drive.answered(head)
        drive.came(token(" jumps", "b") + finish("b"))
        drive.came(
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":1}}\n\n")
        drive.came("data: [DONE]\n\n")
        drive.ended()
        #expect(drive.record.tokens.input == 10 + 12 && drive.record.tokens.output == 2 + 1)
        #expect(drive.unsettled == nil)
    }

    @Test("the caller may leave, and the process stop, at any moment of it")
    func leaving() throws {
        for moment in 0..<3 {
            for cut in [false, true] {
                let drive = try begun([.none, .assistantMessage])
                drive.broke()
                if moment > 0 { drive.sent() }
                if moment > 1 { try drive.answered(head) }
                if cut {
                    let step = drive.take(
                        drive.exchange.cutOff(shard: &drive.shard, at: drive.now))
                    #expect(step.isDone && drive.written.contains("draining"))
                } else {
                    #expect(drive.gone().isDone)
                }
                #expect(drive.unsettled == nil, "moment \(moment), cut \(cut)")
            }
        }
    }

    @Test("no time is left: the answer ends with an error")
    func late() throws {
        let drive = try begun(
            [.none, .assistantMessage], timeouts: Timeouts(request: .seconds(5)))
        drive.wait(.seconds(5))
        #expect(drive.tick().isDone && drive.written.contains("upstream-timeout"))
        #expect(drive.unsettled == nil)
    }
}
