// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshSnapshot
import Testing

@testable import MeshExchange

@Suite("Recordings of access rules")
struct AccessRecordingTests {
    /// One exchange under a policy of `rules`, recorded, with the snapshot it ran under.
    private func recorded(
        _ rule: String, action: AccessRule.Action = .deny, fields: String = "",
        after wait: Nanoseconds = .zero
    ) throws -> (ExchangeRecording, Snapshot) {
        var access = AccessSample()
        var sample = SnapshotSample()
        sample.rules[0].access = [try access.add(("r", action, rule))]
        sample.access = access.table
        sample.recording = RecordingSettings(perSecondMax: 10, ringMax: 10)
        let drive = Drive(sample)
        drive.wait(wait)
        try drive.get("/?token=q", fields: fields)
        if drive.doneCount == 0 { drive.gone() }
        return (try #require(drive.shard.recorder.all.last), drive.shard.snapshot)
    }

    @Test(
        "a rule about a value that is blotted out decides the same in a replay",
        arguments: [
            "request.headers['authorization'] == 'Bearer a-secret'",
            "request.headers['authorization'] != 'Bearer a-secret'",
            "request.headers['authorization'].endsWith('*')",
            "int(request.headers['authorization']) > 0", "request.query == 'token=q'",
            "request.headers['referer'].endsWith('code=a-secret')",
            "request.headers.exists(k, request.headers[k] == 'Bearer a-secret')",
        ])
    func secrets(rule: String) throws {
        for action in [AccessRule.Action.deny, .require, .allow] {
            let (recording, snapshot) = try recorded(
                rule, action: action,
                fields: "Authorization: Bearer a-secret\r\n"
                    + "Referer: https://a.test/?code=a-secret\r\n")
            let text = String(decoding: try JSONEncoder().encode(recording), as: UTF8.self)
            #expect(!text.contains("a-secret") && !text.contains("token=q"))
            let replay = try Replay.run(recording) { _ in snapshot }
            #expect(replay.difference == nil)
        }
    }

    @Test("a rule about the time is judged by the time of then")
    func time() throws {
        // The clock of the test stands at one hour.
        let rule = "request.time.getMinutes() == 7"
        for (wait, isDenied) in [(0, false), (7, true), (8, false)] {
            let (recording, snapshot) = try recorded(
                rule, after: .seconds(Int64(wait) * 60))
            #expect((recording.refusalCode == "access-denied") == isDenied)
            #expect(try Replay.run(recording) { _ in snapshot }.difference == nil)
        }
    }

    @Test("an explanation tells what each rule said, and no value")
    func explained() throws {
        let (recording, snapshot) = try recorded(
            "int(request.headers['authorization']) > 0",
            fields: "Authorization: Bearer a-secret\r\n")
        let text = Explanation.of(recording, under: snapshot).rendered
        #expect(text.contains("authorize: rule default/p/r (deny) cannot be evaluated"), "\(text)")
        #expect(text.contains("access-denied") && !text.contains("a-secret"))
        let (allowed, same) = try recorded("request.method == 'GET'", action: .allow)
        #expect(
            Explanation.of(allowed, under: same).rendered
                .contains("authorize: rule default/p/r allows it"))
    }

    @Test("another configuration is tried on a recorded request")
    func planned() throws {
        let (recording, _) = try recorded("request.method == 'POST'")
        var access = AccessSample()
        var sample = SnapshotSample()
        sample.rules[0].access = [try access.add(("r", .deny, "request.method == 'GET'"))]
        sample.access = access.table
        let replay = try Replay.decide(recording, under: sample.snapshot)
        #expect(replay.decision.refusal == "access-denied" && replay.decision.status == 403)
    }
}
