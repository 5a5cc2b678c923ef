// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("A second attempt beside a slow one")
struct HedgeTests {
    private let path = "/v1/chat/completions"
    private let small = #"{"model":"small","messages":[]}"#
    private let json = "content-type: application/json\r\n"
    private let document = #"{"choices":[{"message":{"content":"hi"}}]}"#

    private func drive(
        _ policy: HedgePolicy = HedgePolicy(delay: .seconds(1), budgetPercent: 100),
        endpoints: Int = 2, fallbacks: Int = 0, attempts: Int = 2, recorded: Bool = false,
        _ change: (inout SnapshotSample) throws -> Void
    ) rethrows -> Drive {
        var sample = SnapshotSample.model(
            fallbacks: fallbacks, endpoints: endpoints, retry: RetryPolicy(attempts: attempts))
        sample.models[0].hedging = policy
        try change(&sample)
        if recorded { sample.recording = RecordingSettings(perSecondMax: 100) }
        return Drive(sample)
    }

    private func drive(
        _ policy: HedgePolicy = HedgePolicy(delay: .seconds(1), budgetPercent: 100),
        endpoints: Int = 2, fallbacks: Int = 0, attempts: Int = 2, recorded: Bool = false
    ) -> Drive {
        drive(
            policy, endpoints: endpoints, fallbacks: fallbacks, attempts: attempts,
            recorded: recorded
        ) { _ in }
    }

    /// A request whose answer is late, and the second attempt that comes of it.
    private func late(_ drive: Drive) throws -> (Pick, Pick) {
        let first = try #require(try drive.post(path, small).dispatch)
        drive.sent()
        #expect(drive.deadline == drive.now + .seconds(1))
        #expect(drive.expire().hedges)
        let second = try #require(drive.rivalPick)
        #expect(second.endpoint != first.endpoint && drive.inFlight == 2)
        #expect(drive.isRacing && drive.presentLane == 0)
        return (first, second)
    }

    private func answer(_ drive: Drive) throws {
        try drive.answered(200, json + "content-length: \(document.utf8.count)\r\n")
        drive.came(document, isLast: true)
    }

    private func replays(_ drive: Drive) throws {
        let snapshot = drive.shard.snapshot
        for recording in drive.shard.recorder.all {
            #expect(try Replay.run(recording) { _ in snapshot }.difference == nil)
        }
    }

    @Test("the first good answer is the caller's, whichever endpoint gave it")
    func wins() throws {
        for winner in [UInt8(0), 1] {
            let drive = drive(recorded: true)
            let (first, second) = try late(drive)
            drive.enter(1)
            drive.sent()
            drive.enter(winner)
            try answer(drive)
            let step = drive.ended()
            #expect(step.leavesRival && step.isDone)
            #expect(drive.record.status == 200 && drive.record.attempts == 2)
            #expect(drive.record.flags.contains(.hedged) && drive.record.tokensLeft > 0)
            #expect(drive.record.hedge == (winner == 0 ? .lost : .won))
            let endpoint = winner == 0 ? first.endpoint : second.endpoint
            #expect(drive.record.endpoint == "10.0.0.\(endpoint + 1):8000")
            #expect(drive.written.contains(document) && drive.unsettled == nil)
            #expect(drive.written.field("x-pinion-attempts") == "2")
            try replays(drive)
        }
    }

    @Test("a stream wins with its first event, and the other connection is left")
    func streams() throws {
        let drive = drive(recorded: true)
        try drive.post(path, #"{"model":"small","stream":true,"messages":[]}"#)
        drive.sent()
        #expect(try drive.answered(200, "content-type: text/event-stream\r\n").relaysBody)
        drive.came(": a comment\n\n")
        #expect(drive.expire().hedges, "a head and a comment are no answer")
        drive.enter(1)
        drive.sent()
        try drive.answered(200, "content-type: text/event-stream\r\n")
        drive.came("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n")
        #expect(drive.isRaceDecided)
        drive.settleRace()
        #expect(!drive.isRacing && drive.inFlight == 1)
        #expect(drive.phase == .relaying)
        drive.came(
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
                + "data: [DONE]\n\n")
        drive.ended()
        #expect(drive.record.status == 200 && drive.unsettled == nil)
        try replays(drive)
    }

    @Test("one that fails leaves the other alone, and costs the caller nothing")
    func fails() throws {
        for loser in [UInt8(0), 1] {
            for kind in 0..<3 {
                let drive = drive(recorded: true)
                _ = try late(drive)
                drive.enter(1)
                drive.sent()
                drive.enter(loser)
                let step: Step
                switch kind {
                case 0: step = drive.failed(.reset(wasReused: false))
                case 1: step = try drive.answered(500)
                default:
                    try drive.answered(200, json + "content-length: 9\r\n")
                    drive.came("{not json")
                    step = drive.broke()
                }
                #expect(step.takesRival && step.abandonsUpstream && step.dispatch == nil)
                #expect(drive.inFlight == 1 && !drive.isRacing)
                try answer(drive)
                drive.ended()
                #expect(drive.record.status == 200 && drive.unsettled == nil)
                #expect(drive.record.hedge == (loser == 0 ? .tookOver : .failed))
                try replays(drive)
            }
        }
    }

    @Test("one that goes on alone is tried again as any other")
    func goesOn() throws {
        let drive = drive(endpoints: 3, attempts: 3, recorded: true)
        let (first, second) = try late(drive)
        drive.enter(1)
        drive.sent()
        #expect(drive.failed(.reset(wasReused: false)).takesRival)
        let step = drive.failed(.reset(wasReused: false))
        let third = try #require(step.dispatch)
        #expect(!step.takesRival && third.slot != first.slot && third.slot != second.slot)
        drive.sent()
        #expect(drive.failed(.reset(wasReused: false)).isDone, "three attempts were made")
        #expect(drive.record.attempts == 3 && drive.unsettled == nil)
        try replays(drive)
    }

    @Test("a caller that leaves ends both")
    func gone() throws {
        let drive = drive()
        _ = try late(drive)
        drive.enter(1)
        drive.sent()
        #expect(drive.gone().leavesRival)
        #expect(drive.inFlight == 0 && drive.unsettled == nil)
        #expect(drive.record.hedge == .abandoned)
    }

    @Test("the time of each runs by itself, and that of the request ends both")
    func deadlines() throws {
        let drive = drive()
        _ = try late(drive)
        drive.enter(1)
        drive.sent()
        drive.enter(0)
        // The first byte of the first attempt was due after sixty seconds, of the second a second
        // later.
        drive.now = drive.deadline
        #expect(!drive.isRivalDue)
        #expect(drive.tick().takesRival)
        drive.now = drive.deadline
        drive.tick()
        #expect(drive.record.status == 504 && drive.unsettled == nil)
    }

    @Test("what costs too much, or cannot be told twice, is never sent twice")
    func unfit() throws {
        let long = drive(
            HedgePolicy(delay: .seconds(1), budgetPercent: 100, inputTokensMax: 3))
        let said = String(repeating: "a", count: 400)
        let body = #"{"model":"small","messages":[{"role":"user","content":"\#(said)"}]}"#
        try long.post(path, body)
        long.sent()
        #expect(!long.expire().hedges)
        let several = drive()
        try several.post(path, #"{"model":"small","n":2,"messages":[]}"#)
        several.sent()
        #expect(!several.expire().hedges)
        let responses = drive()
        try responses.post("/v1/responses", #"{"model":"small","input":"a"}"#)
        responses.sent()
        #expect(!responses.expire().hedges)
    }

    @Test("what may be tried once is asked for once")
    func once() throws {
        for drive in [
            drive(attempts: 1),
            drive { $0.models[0].retry.attemptsInAll = 1 },
        ] {
            try drive.post(path, small)
            drive.sent()
            #expect(!drive.expire().hedges)
        }
    }

    @Test("a second attempt goes only where labelled data may, and is written down")
    func residency() throws {
        let policy = HedgePolicy(delay: .seconds(1), budgetPercent: 100, usesFallbacks: true)
        for region in ["eu", "us"] {
            let drive = try drive(policy, endpoints: 1, fallbacks: 1, recorded: true) {
                $0.backends[0].labels = ["region": "eu"]
                $0.backends[1].labels = ["region": region]
                $0.residency.headers = ["x-label"]
                try $0.residency.add("phi", regions: ["eu"])
            }
            try drive.post(path, small, fields: "X-Label: phi\r\n")
            let step = drive.expire()
            #expect(step.hedges == (region == "eu"))
            guard step.hedges else { continue }
            drive.enter(1)
            drive.sent()
            #expect(drive.record.residency?.hops.map(\.kind) == [.first, .hedge])
            #expect(
                drive.record.residency?.hops.map(\.wasSent) == [false, true],
                "the first still connects")
            drive.enter(0)
            drive.sent()
            #expect(drive.record.residency?.hops.map(\.wasSent) == [true, true])
            drive.gone()
            try replays(drive)
        }
    }

    @Test("a backend that is not for the request is not asked second either")
    func access() throws {
        let policy = HedgePolicy(delay: .seconds(1), budgetPercent: 100, usesFallbacks: true)
        let drive = try drive(policy, endpoints: 1, fallbacks: 2) {
            var access = AccessSample()
            let id = try access.add(("team", .require, "request.headers['x-team'] == 'a'"))
            $0.backends[1].change = { $0.access = [id] }
            $0.access = access.table
        }
        try drive.post(path, small, fields: "X-Team: b\r\n")
        #expect(drive.expire().hedges && drive.rivalPick?.endpoint == 2)
        drive.gone()
        #expect(drive.unsettled == nil)
    }

    @Test("an endpoint that asked for a pause is not asked second")
    func cooling() throws {
        let drive = drive()
        try drive.post(path, small)
        let first = try #require(drive.currentPick?.endpoint)
        let other = drive.shard.snapshot.endpoints[first == 0 ? 1 : 0].authority
        drive.shard.fleet.adopt(
            CoolDown(
                backend: "default/b0", authority: other, until: drive.now + .seconds(30)),
            at: drive.now)
        drive.sent()
        #expect(!drive.expire().hedges)
    }

    @Test("second attempts stay within their budget")
    func budget() throws {
        let drive = drive(HedgePolicy(delay: .milliseconds(10), budgetPercent: 10))
        var hedged = 0
        for _ in 0..<100 {
            try drive.post(path, small)
            drive.sent()
            if drive.expire().hedges { hedged += 1 }
            drive.gone()
            #expect(drive.unsettled == nil)
        }
        #expect(hedged >= 9 && hedged <= 10)
    }

    @Test("without another endpoint a fallback is asked only where the policy says so")
    func fallback() throws {
        let not = drive(endpoints: 1, fallbacks: 1)
        try not.post(path, small)
        not.sent()
        #expect(!not.expire().hedges)
        not.gone()
        let does = drive(
            HedgePolicy(delay: .seconds(1), budgetPercent: 100, usesFallbacks: true),
            endpoints: 1, fallbacks: 1)
        try does.post(path, small)
        does.sent()
        #expect(does.expire().hedges && does.rivalPick?.endpoint == 1)
        does.enter(1)
        #expect(does.forwarded().body.contains("fallback-1"))
        does.sent()
        does.enter(0)
        #expect(does.forwarded().body.contains("real-model"))
        does.enter(1)
        try answer(does)
        does.ended()
        #expect(does.record.upstreamModel == "fallback-1" && does.unsettled == nil)
    }

    @Test("the wait follows the percentile of what the model usually takes")
    func percentile() throws {
        let drive = drive(
            HedgePolicy(
                percentile: 90, delayMin: .milliseconds(1), budgetPercent: 100), recorded: true)
        for number in 0..<40 {
            try drive.post(path, small)
            drive.sent()
            if number < 20 { #expect(drive.deadline > drive.now + .seconds(30)) }
            drive.wait(.milliseconds(Int64(100 + number % 10)))
            try answer(drive)
            drive.ended()
        }
        try drive.post(path, small)
        drive.sent()
        let wait = drive.deadline - drive.now
        #expect(wait >= .milliseconds(105) && wait <= .milliseconds(130), "\(wait.milliseconds)")
        #expect(drive.expire().hedges)
        drive.gone()
        try replays(drive)
    }
}

extension Drive {
    /// Looks at the attempt of that number, as a driver does before it tells what happened.
    func enter(_ lane: UInt8) {
        if exchange.presentLane != lane { exchange.switchLanes() }
    }

    var isRacing: Bool { exchange.isRacing }
    var isRaceDecided: Bool { exchange.isRaceDecided }
    var isRivalDue: Bool { exchange.isRivalDue(at: now) }
    var presentLane: UInt8 { exchange.presentLane }
    var rivalPick: Pick? { exchange.rivalPick }

    func settleRace() { exchange.settleRace(shard: &shard, at: now) }
}
