// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import Testing

@Suite("Recordings of callers who keep their target")
struct StickyRecordingTests {
    private func sample(
        _ weights: [Int] = [1, 1, 1], by expression: String = "request.headers['cookie']"
    ) throws -> SnapshotSample {
        var sample = SnapshotSample()
        sample.backends = weights.indices.map {
            BackendSample(name: "default/b\($0)", subnet: $0)
        }
        sample.rules[0].action = .forward(
            weights.indices.map {
                WeightedTarget(weight: weights[$0], destination: .backend(BackendID($0)))
            })
        sample.rules[0].sticky = try sample.sticky(
            by: expression, of: "HTTPRoute/ns/r", targets: weights.indices.map { "b\($0)" })
        sample.recording = RecordingSettings(perSecondMax: 1_000, ringMax: 1_000)
        return sample
    }

    private func ask(_ drive: Drive, _ caller: Int) throws -> EndpointID {
        let step = try drive.get("/", fields: "Cookie: id=very-secret-\(caller)\r\n")
        drive.gone()
        return try #require(step.dispatch).endpoint
    }

    @Test("a target that a secret decided on is decided on again, and the secret is not kept")
    func secret() throws {
        let drive = Drive(try sample())
        let snapshot = drive.shard.snapshot
        let targets = try (0..<30).map { try ask(drive, $0) }
        #expect(Set(targets).count == 3)
        #expect(drive.shard.recorder.all.count == 30)
        for recording in drive.shard.recorder.all {
            let text = String(decoding: try JSONEncoder().encode(recording), as: UTF8.self)
            #expect(!text.contains("very-secret"))
            let back = try JSONDecoder().decode(ExchangeRecording.self, from: Data(text.utf8))
            #expect(try Replay.run(back) { _ in snapshot }.difference == nil)
        }
    }

    @Test("a target that was down then is down in the replay, where it is well now")
    func down() throws {
        let drive = Drive(try sample(by: "request.headers['x-team']"))
        let snapshot = drive.shard.snapshot
        drive.shard.fleet.setHealth(
            backend: "default/b1", authority: "10.0.1.1:8000", healthy: false, at: drive.now)
        for caller in 0..<30 {
            try drive.get("/", fields: "X-Team: t\(caller)\r\n")
            drive.gone()
        }
        var passed = 0
        for recording in drive.shard.recorder.all {
            #expect(try Replay.run(recording) { _ in snapshot }.difference == nil)
            var without = recording
            for number in without.events.indices { without.events[number].down = nil }
            if try Replay.run(without, snapshots: { _ in snapshot }).difference != nil {
                passed += 1
            }
        }
        #expect(passed > 0, "some of them belong to the target that was down")
    }

    @Test("what another configuration would choose by a value that is gone is not guessed")
    func unknown() throws {
        let drive = Drive(try sample(by: "request.headers['x-team']"))
        _ = try drive.get("/", fields: "X-Team: a\r\nCookie: id=secret\r\n")
        drive.gone()
        let recording = try #require(drive.shard.recorder.all.last)
        let other = try sample()
        #expect(throws: ReplayFailure.self) {
            try Replay.decide(recording, under: other.snapshot)
        }
        let same = try sample([0, 1, 0], by: "request.headers['x-team']")
        let decided = try Replay.decide(recording, under: same.snapshot)
        #expect(decided.decision.backend == "default/b1")
    }

    @Test("an explanation says whose target it is, and when chance decided")
    func explained() throws {
        let drive = Drive(try sample(by: "request.headers['x-team']"))
        try drive.get("/", fields: "X-Team: a\r\n")
        drive.gone()
        try drive.get("/")
        drive.gone()
        let texts = drive.shard.recorder.all.map {
            Explanation.of($0, under: drive.shard.snapshot).rendered
        }
        #expect(texts[0].contains("is the caller's own, weight 1 of 3"), "\(texts[0])")
        #expect(texts[1].contains("was drawn, weight 1 of 3"))
        #expect(
            texts[1].contains(
                "chance decides: `request.headers['x-team']` says nothing of this caller"))
    }
}
