// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshLimits
import MeshPolicy
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Requests at the turnstile of a backend") struct OverloadTests {
    private let path = "/v1/chat/completions"
    private let chat = #"{"model":"small","messages":[]}"#
    private let json = "content-type: application/json\r\ncontent-length: 2\r\n"

    /// A model on one backend that has `places`, with a fallback that has any number.
    private func sample(
        places: Int, queue: Int = 10, fallbacks: Int = 0,
        rules: [(name: String, priority: Int, when: String)] = []
    ) throws -> SnapshotSample {
        var sample = SnapshotSample.model(fallbacks: fallbacks)
        var layout = FactLayout()
        let priorities = try rules.map { rule in
            PriorityRule(
                name: rule.name, priority: rule.priority,
                program: try Program.compile(
                    rule.when, in: Fact.environment, expecting: .bool, layout: &layout))
        }
        sample.access = AccessTable(layout: layout)
        sample.overload = [
            OverloadPolicy(
                name: "default/p",
                settings: OverloadSettings(concurrency: .fixed(places), queueMax: queue),
                priorities: priorities)
        ]
        sample.backends[0].change = { $0.overload = 0 }
        return sample
    }

    /// Takes every place of backend 0 as other exchanges would.
    private func fill(_ drive: Drive, places: Int) -> [TurnstilePass] {
        (0..<places).compactMap { _ in
            let answer = drive.shard.turnstiles.enter(
                0, priority: 0, deadline: .distantFuture, at: drive.now)
            if case .enters(let pass) = answer { return pass }
            return nil
        }
    }

    @Test("a place is held from the first attempt to the end")
    func held() throws {
        let drive = Drive(try sample(places: 1))
        #expect(try drive.post(path, chat).dispatch != nil)
        #expect(drive.shard.turnstiles.totals == (1, 0) && drive.exchange.holdsPlace)
        drive.sent()
        try drive.answered(200, json)
        #expect(drive.shard.turnstiles.totals == (1, 0))
        drive.came("{}", isLast: true)
        drive.ended()
        #expect(drive.shard.turnstiles.totals == (0, 0) && drive.unsettled == nil)
    }

    @Test("without a place it waits, is called, and says how long that took")
    func waits() throws {
        let drive = Drive(try sample(places: 1))
        let pass = try #require(fill(drive, places: 1).first)
        let step = try drive.post(path, chat)
        #expect(step.dispatch == nil && !step.isDone && drive.phase == .queued)
        #expect(drive.exchange.turnstileTicket != 0 && drive.deadline == drive.now + .seconds(5))
        drive.wait(.milliseconds(300))
        drive.shard.turnstiles.leave(pass, at: drive.now)
        let calls = drive.shard.turnstiles.takeCalls()
        #expect(calls.map(\.ticket) == [drive.exchange.turnstileTicket] && calls[0].isLetIn)
        let called = drive.called(.letIn)
        #expect(called.dispatch != nil && drive.record.queued == .milliseconds(300))
        drive.sent()
        try drive.answered(200, json)
        drive.came("{}", isLast: true)
        drive.ended()
        #expect(drive.unsettled == nil && drive.shard.turnstiles.totals == (0, 0))
    }

    @Test("whose time is over is refused with Retry-After in the caller's tongue")
    func timesOut() throws {
        let drive = Drive(try sample(places: 1))
        _ = fill(drive, places: 1)
        try drive.post(path, chat)
        drive.expire()
        #expect(drive.written.startLine == "HTTP/1.1 503 Service Unavailable")
        #expect(drive.refusal == "overloaded" && drive.record.queued == .seconds(5))
        #expect(drive.written.field("retry-after") == "1")
        #expect(drive.written.afterHead.contains(#""code":"overloaded""#))
        #expect(drive.unsettled == nil && drive.shard.turnstiles.totals == (1, 0))
        #expect(drive.shard.turnstiles.misuses == 0)
    }

    @Test("whoever leaves the queue leaves nothing behind")
    func leaves() throws {
        let drive = Drive(try sample(places: 1))
        _ = fill(drive, places: 1)
        try drive.post(path, chat)
        #expect(drive.shard.turnstiles.totals == (1, 1))
        drive.gone()
        #expect(drive.shard.turnstiles.totals == (1, 0) && drive.unsettled == nil)
    }

    @Test("a backend without a place spills over to a fallback, and the place there is its own")
    func spills() throws {
        let drive = Drive(try sample(places: 1, queue: 0, fallbacks: 1))
        _ = fill(drive, places: 1)
        let step = try drive.post(path, chat)
        #expect(step.dispatch?.endpoint == 1)
        #expect(drive.record.flags.contains(.fallback))
        #expect(!drive.exchange.holdsPlace && drive.shard.turnstiles.totals == (1, 0))
    }

    @Test("the first priority that holds counts; one that cannot be evaluated does not")
    func priorities() throws {
        let rules = [
            ("absent", 100, "request.headers['x-absent'] == 'a'"),
            ("batch", -1, "request.headers['x-class'] == 'batch'"),
            ("model", 3, "ai.model == 'small'"),
        ].map { (name: $0.0, priority: $0.1, when: $0.2) }
        let drive = Drive(try sample(places: 1, rules: rules))
        _ = fill(drive, places: 1)
        let refused = try drive.post(path, chat, fields: "x-class: batch\r\n")
        #expect(refused.isDone && drive.record.status == 429 && drive.refusal == "overloaded")
        let waits = try drive.post(path, chat)
        #expect(!waits.isDone && drive.phase == .queued)
        // It waits in front of those of priority 2, and nobody else does.
        let below = drive.shard.turnstiles.enter(
            0, priority: 2, deadline: .distantFuture, at: drive.now)
        guard case .waits(_, let ticket, _) = below else {
            Issue.record("\(below)")
            return
        }
        #expect(ticket > drive.exchange.turnstileTicket)
    }

    @Test("an attempt that failed keeps its place for the next one")
    func retries() throws {
        var sample = try sample(places: 1)
        sample.models[0].retry = RetryPolicy(attempts: 2)
        let drive = Drive(sample)
        try drive.post(path, chat)
        let again = drive.failed(.connect)
        #expect(again.dispatch != nil && drive.shard.turnstiles.totals == (1, 0))
        let last = drive.failed(.connect)
        #expect(last.isDone && drive.shard.turnstiles.totals == (0, 0))
    }

    @Test("copies go out with the first attempt, whenever that is, and once", arguments: [0, 1, 2])
    func copies(case number: Int) throws {
        var sample = try sample(places: 1, fallbacks: 1)
        sample.backends.append(BackendSample(name: "default/copies", subnet: 9))
        sample.models[0].mirrors = [Mirror(backend: 2, numerator: 1, denominator: 1)]
        sample.models[0].retry = RetryPolicy(attempts: 2)
        let drive = Drive(sample)
        if number == 0 {
            // Nobody waits.
            #expect(try drive.post(path, chat).mirrors.count == 1)
        } else {
            _ = fill(drive, places: 1)
            let queued = try drive.post(path, chat)
            #expect(drive.phase == .queued && queued.mirrors.isEmpty)
            // It is let in, or goes to the fallback when its time is over.
            let step = number == 1 ? drive.called(.letIn) : drive.expire()
            #expect(step.dispatch?.endpoint == (number == 1 ? 0 : 1))
            #expect(step.mirrors.map(\.backend) == [2])
        }
        #expect(drive.failed(.connect).mirrors.isEmpty)
    }

    @Test("whoever is turned away has no copies", arguments: [QueueEnd.turnedAway, .tooLate])
    func noCopies(end: QueueEnd) throws {
        var sample = try sample(places: 1)
        sample.backends.append(BackendSample(name: "default/copies", subnet: 9))
        sample.models[0].mirrors = [Mirror(backend: 1, numerator: 1, denominator: 1)]
        let drive = Drive(sample)
        _ = fill(drive, places: 1)
        #expect(try drive.post(path, chat).mirrors.isEmpty)
        let step = end == .tooLate ? drive.expire() : drive.called(end)
        #expect(step.isDone && step.mirrors.isEmpty && drive.refusal == "overloaded")
        #expect(drive.unsettled == nil)
    }

    @Test("under pressure new requests are refused, and connections close")
    func pressure() throws {
        let drive = Drive(SnapshotSample.model())
        drive.shard.pressure = .refuses
        let refused = try drive.post(path, chat)
        #expect(refused.isDone && drive.refusal == "proxy-overloaded" && !drive.keepsAlive)
        #expect(drive.written.startLine == "HTTP/1.1 503 Service Unavailable")
        drive.shard.pressure = .slowsDown
        #expect(try drive.post(path, chat).dispatch != nil && drive.keepsAlive)
        drive.gone()
    }
}
