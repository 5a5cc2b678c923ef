// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Targets that suit a request")
struct SuitsTests {
    private let path = "/v1/chat/completions"

    private func drive(_ capabilities: [Capabilities]) -> Drive {
        Drive(
            SnapshotSample.model(
                fallbacks: capabilities.count - 1, capabilities: capabilities))
    }

    @Test("a target that lacks what is asked for is passed over, in the first choice and after")
    func lacks() throws {
        let image =
            #""messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]"#
        let cases: [(Capabilities, String)] = [
            (Capabilities(tools: false), #""tools":[{}]"#),
            (Capabilities(vision: false), image),
            (Capabilities(jsonMode: false), #""response_format":{"type":"json_object"}"#),
            (Capabilities(outputTokens: 10), #""max_tokens":11"#),
            (
                Capabilities(contextTokens: 100),
                #""prompt":"\#(String(repeating: "x", count: 900))""#
            ),
        ]
        for (able, members) in cases {
            let drive = drive([able, able, Capabilities()])
            let body = #"{"model":"small",\#(members)}"#
            #expect(try drive.post(path, body).dispatch?.endpoint == 2, "\(members.prefix(40))")
            drive.gone()
            // What does not need it goes to the first.
            #expect(try drive.post(path, #"{"model":"small"}"#).dispatch?.endpoint == 0)
            drive.gone()
            #expect(drive.unsettled == nil)
        }
    }

    @Test("when no target suits, the first one says what is wrong")
    func none() throws {
        let drive = drive([Capabilities(tools: false), Capabilities(tools: false)])
        #expect(
            try drive.post(path, #"{"model":"small","tools":[{}]}"#).dispatch?.endpoint == 0)
        drive.sent()
        let error = #"{"error":{"message":"no tools"}}"#
        try drive.answered(
            "HTTP/1.1 400 X\r\ncontent-type: application/json\r\n"
                + "content-length: \(error.utf8.count)\r\n\r\n\(error)")
        drive.ended()
        #expect(drive.record.status == 400 && drive.record.attempts == 1)
        #expect(drive.unsettled == nil)
    }

    @Test("a prompt that is too long goes to a model with more room, and to no other")
    func context() throws {
        let error = #"{"error":{"message":"too long","code":"context_length_exceeded"}}"#
        let answer =
            "HTTP/1.1 400 X\r\ncontent-type: application/json\r\n"
            + "content-length: \(error.utf8.count)\r\n\r\n\(error)"
        let roomy = drive([
            Capabilities(contextTokens: 8_000), Capabilities(), Capabilities(contextTokens: 4_000),
            Capabilities(contextTokens: 32_000),
        ])
        try roomy.post(path, #"{"model":"small"}"#)
        roomy.sent()
        #expect(try roomy.answered(answer).dispatch?.endpoint == 3)
        #expect(roomy.inFlight == 1 && roomy.record.flags.contains(.fallback))
        roomy.gone()
        let tight = drive([Capabilities(contextTokens: 8_000), Capabilities()])
        try tight.post(path, #"{"model":"small"}"#)
        tight.sent()
        #expect(try tight.answered(answer).relaysBody)
        tight.ended()
        #expect(tight.record.status == 400 && tight.unsettled == nil)
    }

    @Test(
        "an error that others would not make goes elsewhere, one of the caller's does not",
        arguments: [
            (404, #"{"error":{"code":"model_not_found"}}"#, true),
            (400, #"{"error":{"message":"temperature"}}"#, false),
            (422, #"{"detail":"field required"}"#, false),
            (400, #"{"error":{"code":"content_filter"}}"#, false),
            (401, #"{"error":{"code":"invalid_api_key"}}"#, false),
        ])
    func errors(status: Int, body: String, goesOn: Bool) throws {
        for cut in [false, true] {
            let drive = drive([Capabilities(), Capabilities()])
            try drive.post(path, #"{"model":"small"}"#)
            drive.sent()
            let head =
                "HTTP/1.1 \(status) X\r\ncontent-type: application/json\r\n"
                + "content-length: \(body.utf8.count)\r\n\r\n"
            var step = try drive.answered(cut ? head : head + body)
            if cut {
                #expect(step.relaysBody && !step.writes && drive.phase == .holding)
                for piece in [body.prefix(9), body.dropFirst(9)] {
                    #expect(drive.came(String(piece)) == .replaced)
                }
                step = drive.ended()
            }
            #expect((step.dispatch?.endpoint == 1) == goesOn, "cut \(cut)")
            if goesOn {
                drive.gone()
            } else if cut {
                #expect(step.isDone && step.writes && drive.written.afterHead == body)
                #expect(drive.written.field("content-length") == "\(body.utf8.count)")
            } else {
                drive.ended()
            }
            #expect(drive.unsettled == nil)
        }
    }

    @Test("a credential of ours that is not taken is no reason to give up")
    func ownCredential() throws {
        var sample = SnapshotSample.model(fallbacks: 1)
        sample.backends[0].change = { backend in
            backend.credential = Credential(
                header: bytes("authorization"), prefix: [], source: .environment("KEY"))
        }
        let drive = Drive(sample, credentials: [Secret(bytes("key"))])
        try drive.post(path, #"{"model":"small"}"#)
        drive.sent()
        let step = try drive.answered(
            "HTTP/1.1 401 X\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        #expect(step.dispatch?.endpoint == 1)
    }

    @Test("a document that broke off is asked for elsewhere; a large one passes as it comes")
    func documents() throws {
        let head =
            "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\r\n"
        let drive = drive([Capabilities(), Capabilities()])
        try drive.post(path, #"{"model":"small"}"#)
        drive.sent()
        try drive.answered(head)
        #expect(drive.came("{\"choices\":") == .replaced && drive.written.isEmpty)
        #expect(drive.broke().dispatch?.endpoint == 1)
        drive.sent()
        try drive.answered(head)
        let piece = "{" + String(repeating: " ", count: 100_000)
        for _ in 0..<2 { #expect(drive.came(piece) == .replaced) }
        #expect(drive.written.isEmpty)
        drive.came(piece)
        #expect(drive.releasedHead.field("content-length") == "900000")
        #expect(drive.written.utf8.count == 3 * piece.utf8.count)
        #expect(drive.came(piece) == .unchanged)
        #expect(drive.broke().closesClient && drive.record.flags.contains(.truncated))
        #expect(drive.unsettled == nil)
    }
}
