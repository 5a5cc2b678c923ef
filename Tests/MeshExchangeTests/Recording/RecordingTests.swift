// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshDialects
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire
import Testing

@testable import MeshExchange

@Suite("Recordings")
struct RecordingTests {
    private static func recorded(
        _ sample: SnapshotSample = .model(endpoints: 3), _ run: (Drive) throws -> Void
    ) throws -> (ExchangeRecording, Snapshot) {
        var sample = sample
        sample.recording = RecordingSettings(perSecondMax: 10, ringMax: 10)
        let drive = Drive(sample)
        try run(drive)
        return (try #require(drive.shard.recorder.all.last), drive.shard.snapshot)
    }

    @Test("values that carry credentials are blotted out, and lengths stay")
    func redaction() throws {
        let secrets = [
            "Authorization: Bearer sk-VERYSECRET", "X-Api-Key: VERYSECRET",
            "Cookie: session=VERYSECRET", "X-Auth-Token: VERYSECRET",
            "X-Goog-Api-Key: VERYSECRET", "Proxy-Authorization: Basic VERYSECRET",
            "X-Amz-Security-Token: VERYSECRET", "X-Hub-Signature: VERYSECRET",
        ]
        let target = "/v1/chat/completions?key=VERYSECRET&api_key=VERYSECRET&a=plain"
        let body = #"{"model":"small","messages":"VERYSECRET of the prompt"}"#
        var length = 0
        let (recording, _) = try Self.recorded { drive in
            try drive.post(target, body, fields: secrets.map { $0 + "\r\n" }.joined())
            drive.sent()
            try drive.answered(
                200, "content-length: 2\r\nset-cookie: id=VERYSECRET\r\n")
            drive.came("VERYSECRET of the answer")
            drive.ended()
            length = drive.headBytes.count
        }
        let text = String(decoding: try JSONEncoder().encode(recording), as: UTF8.self)
        #expect(!text.contains("VERYSECRET"))
        #expect(recording.head.utf8.count == length)
        #expect(recording.head.contains("a=plain"))
        #expect(recording.hidden.count == secrets.count + 2)
    }

    @Test("a body made from what was read reads the same")
    func bodies() throws {
        var random = SplitMix64(seed: 41)
        for round in 0..<500 {
            let text = RandomRequest.body(using: &random)
            let bytes = Array(text.utf8)
            guard let facts = try? RequestScanner.scan(bytes.span.bytes) else { continue }
            let recorded = RecordedBody(facts, bytes.span.bytes)
            let made = recorded.bytes
            let again = try RequestScanner.scan(made.span.bytes)
            #expect(RecordedBody(again, made.span.bytes) == recorded, "round \(round): \(text)")
            #expect(made.count == bytes.count, "round \(round): \(text)")
        }
    }

    @Test("a second's first exchanges are recorded, and the last ones are kept")
    func sampling() throws {
        var sample = SnapshotSample.model()
        sample.recording = RecordingSettings(perSecondMax: 3, ringMax: 4)
        let drive = Drive(sample)
        for _ in 0..<5 { try drive.get("/nothing") }
        #expect(drive.shard.recorder.all.count == 3)
        drive.wait(.seconds(1))
        for _ in 0..<5 { try drive.get("/v1/models") }
        let kept = drive.shard.recorder.all
        #expect(kept.count == 4)
        #expect(kept.map(\.startedNanoseconds) == kept.map(\.startedNanoseconds).sorted())
        #expect(kept.last?.value(of: "path") == "/v1/models")
    }

    @Test("nothing is recorded where nothing is kept")
    func off() throws {
        var sample = SnapshotSample.model()
        sample.recording = RecordingSettings(perSecondMax: 100, ringMax: 0)
        let drive = Drive(sample)
        try drive.get("/v1/models")
        #expect(drive.shard.recorder.all.isEmpty)
    }

    @Test("an exchange is found by the caller's id and by the mesh's own")
    func names() throws {
        let (recording, _) = try Self.recorded { drive in
            try drive.get("/v1/models", fields: "x-request-id: mine\r\n")
        }
        #expect(recording.isNamed("mine"))
        #expect(recording.isNamed(recording.id))
        #expect(!recording.isNamed("yours"))
    }

    @Test("an explanation names rule, facts, candidates, pick, retry and end")
    func explanation() throws {
        let sample = SnapshotSample.model(
            fallbacks: 1, endpoints: 2, retry: RetryPolicy(attempts: 2))
        let (recording, snapshot) = try Self.recorded(sample) { drive in
            try drive.post("/v1/chat/completions", #"{"model":"small","stream":true}"#)
            drive.failed(.connect)
            drive.failed(.connect)
            drive.sent()
            try drive.answered(200, "content-type: text/event-stream\r\n")
            drive.came("data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n")
            drive.came("data: [DONE]\n\n")
            drive.ended()
        }
        let text = Explanation.of(recording, under: snapshot).rendered
        for part in [
            "rule 0 of route models takes the request", "operation chat, model small, streamed",
            "target 0 (default/b0) is the only one", "attempt 1: backend default/b0",
            "the attempt failed: connect", "connect_failure: tried again",
            "attempt 2: backend default/b0", "all 2 attempts on this target were made",
            "fallback 0 of the model: backend default/b1", "attempt 3: backend default/b1",
            "passed over: tried before", "latency 30.000 ms", "picked",
            "status 200", "the answer ended",
        ] {
            #expect(text.contains(part), "\(part) is not in\n\(text)")
        }
    }

    @Test("another configuration is compared by where requests would go")
    func otherConfiguration() throws {
        let (recording, snapshot) = try Self.recorded { drive in
            try drive.post("/v1/chat/completions", #"{"model":"small"}"#)
            drive.sent()
            try drive.answered(200)
            drive.came("{}", isLast: true)
            drive.ended()
        }
        let same = try Replay.decide(recording, under: snapshot).decision
        #expect(same.backend == "default/b0")
        #expect(same.upstreamModel == "real-model")
        let renamed = try Replay.decide(
            recording, under: SnapshotSample.model(upstream: "newer").snapshot)
        #expect(renamed.decision != same)
        #expect(renamed.decision.upstreamModel == "newer")
        var without = SnapshotSample.model()
        without.names = []
        let refused = try Replay.decide(recording, under: without.snapshot).decision
        #expect(refused.refusal == "model-not-found")
        #expect(refused.text.contains("refused with model-not-found"))
    }

    @Test("what was not recorded whole is not replayed")
    func gaps() throws {
        let (recording, snapshot) = try Self.recorded { drive in
            try drive.post("/v1/chat/completions", #"{"model":"small","stream":true}"#)
            drive.sent()
            try drive.answered(200, "content-type: text/event-stream\r\n")
            drive.ended()
        }
        #expect(try Replay.run(recording) { _ in snapshot }.difference == nil)
        var gap = recording
        gap.gap = .events
        #expect(throws: ReplayFailure.self) { try Replay.run(gap) { _ in snapshot } }
        #expect(throws: ReplayFailure.self) { try Replay.run(recording) { _ in nil } }
        var changed = recording
        changed.events[1].outcome.endpoint = "10.0.0.9:8000"
        #expect(try Replay.run(changed) { _ in snapshot }.difference != nil)
    }
}

/// Bodies as callers send them.
enum RandomRequest {
    static func body(using random: inout SplitMix64) -> String {
        var members: [String] = []
        func maybe(_ text: String) { if random.below(2) == 0 { members.append(text) } }
        maybe(#""model":"small\#(random.below(10))""#)
        maybe(#""model" : "esc\u0041ped""#)
        maybe(#""stream":\#(random.below(2) == 0)"#)
        maybe(#""max_tokens": \#(random.below(5000))"#)
        maybe(#""max_completion_tokens":\#(random.below(5000))"#)
        maybe(#""n":\#(1 + random.below(4))"#)
        maybe(#""stream_options":{"include_usage":\#(random.below(2) == 0)}"#)
        let words = String(repeating: "x", count: random.below(90))
        maybe(#""messages":[{"role":"user","content":"\#(words)"}]"#)
        maybe(#""tools":[{"type":"function"},{"type":"function"}]"#)
        maybe(#""temperature":0.\#(random.below(10))"#)
        members.shuffle(using: &random)
        return "{" + members.joined(separator: random.below(2) == 0 ? "," : ", ") + "}"
    }
}
