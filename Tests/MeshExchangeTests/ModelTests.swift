// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Requests for a model")
struct ModelTests {
    private let path = "/v1/chat/completions"

    private func code(_ drive: Drive) throws -> String? {
        let data = Data(drive.written.afterHead.utf8)
        let whole = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        return (whole["error"] as? [String: Any])?["code"] as? String
    }

    @Test("the model in the body chooses the backend, and only its value changes")
    func byBody() throws {
        let drive = Drive(SnapshotSample.model())
        let step = try drive.post(path, #"{ "messages":[{"model":"small"}],"model" : "small"}"#)
        #expect(step.dispatch?.endpoint == 0 && drive.exchange.isAI)
        let (head, body) = drive.forwarded()
        #expect(body == #"{ "messages":[{"model":"small"}],"model" : "real-model"}"#)
        #expect(head.field("content-length") == "\(body.utf8.count)")
        #expect(head.field("transfer-encoding") == nil)
        drive.sent()
        try drive.answered(200, "content-type: application/json\r\ncontent-length: 99\r\n")
        drive.came(
            #"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6}}"#, isLast: true)
        drive.ended()
        let record = drive.record
        #expect(record.model == "small" && record.upstreamModel == "real-model")
        #expect(
            record.tokens == TokenCounts(input: 5, output: 6, cachedInput: 0, reasoningOutput: 0))
        #expect(record.operation.map { "\($0)" } == "chat" && record.flags == [])
        #expect(drive.unsettled == nil)
    }

    @Test("a body in chunks leaves with its length, and compressed answers are not asked for")
    func reframed() throws {
        let drive = Drive(SnapshotSample.model())
        try drive.begin(
            "POST \(path) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                + "Accept-Encoding: br\r\n\r\n")
        drive.body(#"{"model":"small"}"#)
        let (head, body) = drive.forwarded()
        #expect(head.field("content-length") == "\(body.utf8.count)")
        #expect(head.field("transfer-encoding") == nil && head.field("accept-encoding") == nil)
    }

    @Test("a name with escapes is the name that it spells")
    func escapes() throws {
        let drive = Drive(SnapshotSample.model())
        #expect(try drive.post(path, #"{"model":"\u0073mall"}"#).dispatch != nil)
        #expect(drive.record.model == "small")
    }

    @Test(
        "bodies that gateway and server could read differently are refused",
        arguments: [
            (#"{"model":"small","model":"large"}"#, 400, "duplicate-key"),
            (#"{"model":"small","Model":"large"}"#, 400, "duplicate-key"),
            (#"{"model":"small","mod\u0065l":"large"}"#, 400, "duplicate-key"),
            (#"{"model":"small""#, 400, "invalid-json"), (#"[]"#, 400, "invalid-json"),
            (#"{"model":7}"#, 400, "invalid-json"), ("", 400, "invalid-json"),
            (#"{"messages":[]}"#, 400, "model-missing"), (#"{"model":null}"#, 400, "model-missing"),
            (#"{"model":"large"}"#, 404, "model-not-found"),
            (#"{"model":""}"#, 404, "model-not-found"),
            (#"{"model":"real-model"}"#, 404, "model-not-found"),
        ])
    func refused(body: String, status: Int, expected: String) throws {
        let drive = Drive(SnapshotSample.model())
        try drive.post(path, body)
        #expect(drive.record.status == UInt16(status) && drive.refusal == expected)
        #expect(drive.written.field("content-type") == "application/json")
        let shown = expected == "model-not-found" ? "model_not_found" : expected
        #expect(try code(drive) == shown)
        // Names that a caller made up must not become labels.
        #expect(drive.record.model == nil && drive.record.attempts == 0)
        #expect(drive.keepsAlive && drive.unsettled == nil)
    }

    @Test("a long name of no model is shown shortened, and as valid JSON")
    func longName() throws {
        let drive = Drive(SnapshotSample.model())
        try drive.post(path, #"{"model":"\#(String(repeating: "é\\\"", count: 3000))"}"#)
        #expect(drive.record.status == 404 && drive.written.utf8.count < 2000)
        #expect(try code(drive) == "model_not_found")
    }

    @Test(
        "a compressed body is refused before it comes",
        arguments: ["gzip", "br", "identity, gzip", "gzip, gzip", "unknown"])
    func encoded(coding: String) throws {
        let drive = Drive(SnapshotSample.model())
        for fields in [
            "Content-Encoding: \(coding)\r\n",
            "content-encoding: identity\r\nContent-Encoding: \(coding)\r\n",
        ] {
            let step = try drive.begin(
                "POST \(path) HTTP/1.1\r\nHost: a\r\n\(fields)Content-Length: 9\r\n\r\n")
            #expect(!step.collectsBody && step.closesClient)
            #expect(drive.record.status == 415 && drive.refusal == "encoded-body")
            #expect(drive.unsettled == nil)
        }
    }

    @Test("a body that is not compressed may say so")
    func identity() throws {
        let drive = Drive(SnapshotSample.model())
        let step = try drive.post(
            path, #"{"model":"small"}"#, fields: "Content-Encoding: Identity\r\n")
        #expect(step.dispatch != nil)
    }

    @Test("the model `*` takes every name and keeps it")
    func anyName() throws {
        var sample = SnapshotSample.model()
        sample.models[0].name = bytes("*")
        sample.models[0].targets[0].upstreamModel = nil
        sample.names = [("*", 0)]
        let drive = Drive(sample)
        try drive.post(path, #"{"model":"gpt-9"}"#)
        #expect(drive.forwarded().body == #"{"model":"gpt-9"}"#)
        drive.sent()
        try drive.answered(200)
        drive.ended()
        #expect(drive.record.model == "gpt-9" && drive.record.upstreamModel == "gpt-9")
        #expect(drive.unsettled == nil)
    }

    @Test("a rule may lead to a model whatever the body says")
    func byRule() throws {
        var sample = SnapshotSample.model()
        sample.rules = [
            Rule(
                route: "default/r", index: 0,
                action: .forward([WeightedTarget(weight: 1, destination: .model(0))]),
                needsFacts: true)
        ]
        let drive = Drive(sample)
        try drive.post(path, #"{"model":"whatever"}"#)
        #expect(drive.forwarded().body == #"{"model":"real-model"}"#)
        drive.gone()
        // A request without a body has no model to rewrite and passes.
        try drive.get("/v1/responses/resp_1")
        #expect(drive.body("").dispatch != nil)
        #expect(drive.forwarded().head.field("content-length") == nil)
    }

    @Test("a model without a target that takes traffic is refused")
    func noTargets() throws {
        var sample = SnapshotSample.model()
        sample.models[0].targets[0].weight = 0
        let zero = Drive(sample)
        try zero.post(path, #"{"model":"small"}"#)
        #expect(zero.refusal == "no-backend" && zero.unsettled == nil)
        sample.models[0].targets = []
        let none = Drive(sample)
        try none.post(path, #"{"model":"small"}"#)
        #expect(none.refusal == "no-backend" && none.unsettled == nil)
    }

    @Test("GET /v1/models lists the names that a caller may use")
    func list() throws {
        var sample = SnapshotSample.model()
        sample.names = [("small", 0), ("alias", 0), ("*", 0)]
        sample.models[0].owner = "team"
        let drive = Drive(sample)
        let step = try drive.get("/v1/models")
        #expect(step.isDone && step.writes && step.dispatch == nil)
        let data = Data(drive.written.afterHead.utf8)
        let list = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let entries = try #require(list["data"] as? [[String: Any]])
        #expect(entries.map { $0["id"] as? String } == ["alias", "small"])
        #expect(entries.allSatisfy { $0["owned_by"] as? String == "team" })
        #expect(drive.written.field("content-length") == "\(data.count)")
        #expect(drive.record.status == 200 && drive.unsettled == nil)
    }

    @Test("where every name is passed on, the provider is asked which there are")
    func listOfProvider() throws {
        var sample = SnapshotSample.model()
        sample.names = [("*", 0)]
        sample.models[0].name = bytes("*")
        sample.models[0].targets[0].upstreamModel = nil
        let drive = Drive(sample)
        for path in ["/v1/models", "/v1/models/gpt-9"] {
            #expect(try drive.get(path).dispatch?.endpoint == 0)
            #expect(drive.forwarded().head.startLine == "GET \(path) HTTP/1.1")
            drive.sent()
            try drive.answered(200)
            drive.ended()
            #expect(drive.record.status == 200 && drive.unsettled == nil)
        }
    }

    @Test("GET /v1/models/{name} finds one, also with slashes and escapes in its name")
    func one() throws {
        var sample = SnapshotSample.model()
        sample.names = [("small", 0), ("org/größe", 0)]
        let drive = Drive(sample)
        for (path, name) in [
            ("/v1/models/small", "small"), ("/v1/models/org/gr%C3%B6%c3%9fe", "org/größe"),
        ] {
            try drive.get(path)
            let data = Data(drive.written.afterHead.utf8)
            let entry = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            #expect(entry["id"] as? String == name)
        }
        try drive.get("/v1/models/large")
        #expect(drive.record.status == 404 && drive.refusal == "model-not-found")
        #expect(try code(drive) == "model_not_found")
        #expect(drive.unsettled == nil)
    }
}
