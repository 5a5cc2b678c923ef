// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshEngines
import MeshSnapshot
import Testing

@testable import MeshExchange

@Suite("Recordings of what policy engines said")
struct EngineRecordingTests {
    private func sample(
        when: String = "request.headers['authorization'] != ''"
    ) throws -> SnapshotSample {
        var access = AccessSample()
        var sample = SnapshotSample.model()
        let engine = try access.engine(
            facts: [.aiModel], allowsOnFailure: false,
            cachedBy: ["request.headers['authorization']"])
        sample.models[0].access = [try access.add(engine: engine, ("ask", .custom, when))]
        sample.access = access.table
        sample.recording = RecordingSettings(perSecondMax: 10, ringMax: 10)
        return sample
    }

    private func ask(_ drive: Drive) throws {
        try drive.post(
            "/v1/chat/completions", #"{"model":"small"}"#,
            fields: "Authorization: Bearer a-secret\r\n")
    }

    @Test(
        "decide the same again, to the bit, and hold no value that an engine set",
        arguments: [
            EngineOutcome.answered(
                EngineAnswer(
                    allows: true,
                    requestEdits: [.set(name: bytes("x-token"), value: bytes("an-inner-secret"))],
                    answerEdits: [.add(name: bytes("set-cookie"), value: bytes("c=a-secret"))])),
            .answered(
                EngineAnswer(
                    allows: false, status: 401, reason: "log in",
                    answerEdits: [.set(name: bytes("location"), value: bytes("/?code=a-secret"))])),
            .failed(.timeout), .failed(.malformed),
        ])
    func again(outcome: EngineOutcome) throws {
        let drive = Drive(try sample())
        // The second one is answered from what is kept, if anything is.
        for _ in 0..<2 {
            try ask(drive)
            drive.wait(.milliseconds(2))
            drive.heard(outcome)
            if drive.doneCount == 0 {
                drive.sent()
                try drive.answered(200)
                drive.came("{}", isLast: true)
                drive.ended()
            }
        }
        let all = drive.shard.recorder.all
        #expect(all.count == 2)
        for recording in all {
            let text = String(decoding: try JSONEncoder().encode(recording), as: UTF8.self)
            #expect(!text.contains("secret"), "\(text)")
            let back = try JSONDecoder().decode(
                ExchangeRecording.self, from: Data(text.utf8))
            let snapshot = drive.shard.snapshot
            let replay = try Replay.run(back) { _ in snapshot }
            #expect(replay.difference == nil)
        }
        let kept = all.last?.events.flatMap { $0.keptAnswers ?? [] } ?? []
        if case .answered = outcome { #expect(kept.count == 1) } else { #expect(kept.isEmpty) }
    }

    @Test("an explanation tells which engine was asked, what it said and what it changes")
    func explained() throws {
        let drive = Drive(try sample())
        try ask(drive)
        drive.wait(.milliseconds(2))
        drive.heard(
            .answered(
                EngineAnswer(
                    allows: true,
                    requestEdits: [.set(name: bytes("x-user"), value: bytes("ann"))])))
        drive.gone()
        let recording = try #require(drive.shard.recorder.all.last)
        let text = Explanation.of(recording, under: drive.shard.snapshot).rendered
        for part in [
            "authorize: rule default/p/ask asks engine default/e (ExtAuthzGRPC)",
            "at 2.000 ms: engine default/e lets it pass", "set x-user to the backend",
            "engine default/e lets it pass (rule default/p/ask)",
        ] {
            #expect(text.contains(part), "\(text)")
        }
        #expect(!text.contains("ann"))
    }

    @Test("another configuration hears what the same engine said then, and no other")
    func planned() throws {
        let drive = Drive(try sample(when: "true"))
        try ask(drive)
        drive.heard(allows: false, reason: "no")
        let recording = try #require(drive.shard.recorder.all.last)
        let same = try Replay.decide(recording, under: try sample(when: "true").snapshot)
        #expect(same.decision.refusal == "access-denied")

        var access = AccessSample()
        var other = SnapshotSample.model()
        let engine = try access.engine(named: "new")
        other.models[0].access = [try access.add(engine: engine, ("ask", .custom, "true"))]
        other.access = access.table
        #expect(throws: ReplayFailure.self) {
            try Replay.decide(recording, under: other.snapshot)
        }
    }

    @Test("a dry run asks nobody, and says so")
    func dryRun() throws {
        let head = bytes(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\n"
                + "Content-Length: 17\r\n\r\n")
        let snapshot = try sample().snapshot
        let recording = DryRun.record(
            head: head, body: bytes(#"{"model":"small"}"#), port: nil, under: snapshot, seed: 1,
            at: Instant(nanoseconds: 1), wallOffset: 0)
        let text = Explanation.of(try #require(recording), under: snapshot).rendered
        #expect(text.contains("lets it pass (taken to, for it is not asked here)"))
        #expect(text.contains("attempt 1: backend default/b0"))
    }
}
