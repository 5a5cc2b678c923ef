// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Rules about where a request goes")
struct AccessDestinationTests {
    private let chat = "/v1/chat/completions"
    private let body = #"{"model":"small"}"#

    /// A model with fallbacks; `refused` backends have a policy that wants another team.
    private func drive(fallbacks: Int, refused: [Int]) throws -> Drive {
        var access = AccessSample()
        var sample = SnapshotSample.model(
            fallbacks: fallbacks, retry: RetryPolicy(attempts: 2, onReset: true))
        let id = try access.add(("team", .require, "request.headers['x-team'] == 'a'"))
        for number in refused { sample.backends[number].change = { $0.access = [id] } }
        sample.access = access.table
        return Drive(sample)
    }

    @Test("a backend that is not for the request is passed over for a fallback")
    func first() throws {
        let drive = try drive(fallbacks: 2, refused: [0, 1])
        let step = try drive.post(chat, body, fields: "X-Team: b\r\n")
        #expect(step.dispatch != nil && drive.record.flags.contains(.fallback))
        #expect(drive.exchange.currentPick?.endpoint == 2)
        drive.gone()
        #expect(try drive.post(chat, body, fields: "X-Team: a\r\n").dispatch?.endpoint == 0)
    }

    @Test("a fallback that is not for the request is never tried, also after failures")
    func later() throws {
        let drive = try drive(fallbacks: 2, refused: [1])
        try drive.post(chat, body, fields: "X-Team: b\r\n")
        var endpoints = [drive.currentPick?.endpoint]
        for _ in 0..<4 where drive.doneCount == 0 {
            drive.sent()
            if drive.failed(.reset(wasReused: false)).dispatch != nil {
                endpoints.append(drive.currentPick?.endpoint)
            }
        }
        #expect(!endpoints.contains(1) && endpoints.contains(2), "\(endpoints)")
    }

    @Test("with no backend left the request is refused, and not as unreachable")
    func none() throws {
        let drive = try drive(fallbacks: 1, refused: [0, 1])
        try drive.post(chat, body, fields: "X-Team: b\r\n")
        #expect(drive.refusal == "access-denied" && drive.record.attempts == 0)
        #expect(drive.record.accessRule == "default/p/team" && drive.unsettled == nil)
        let after = try self.drive(fallbacks: 1, refused: [1])
        try after.post(chat, body, fields: "X-Team: b\r\n")
        for _ in 0..<4 where after.doneCount == 0 {
            after.sent()
            after.failed(.reset(wasReused: false))
        }
        #expect(after.refusal == "access-denied" && after.unsettled == nil)
    }

    @Test("no copy goes to a backend that is not for the request")
    func mirrors() throws {
        var access = AccessSample()
        var sample = SnapshotSample()
        sample.backends = [
            BackendSample(), BackendSample(name: "default/b1", subnet: 1),
            BackendSample(name: "default/b2", subnet: 2),
        ]
        let id = try access.add(("r", .deny, "request.path == '/secret'"))
        sample.backends[1].change = { $0.access = [id] }
        sample.rules[0].mirrors = [1, 2].map {
            Mirror(backend: $0, numerator: 1, denominator: 1)
        }
        sample.access = access.table
        let drive = Drive(sample)
        try drive.get("/secret")
        #expect(drive.body("").mirrors.map(\.backend) == [2])
        drive.gone()
        try drive.get("/open")
        #expect(drive.body("").mirrors.map(\.backend) == [1, 2])
    }

    @Test("a rule of a Gateway can speak about the backend and its provider")
    func facts() throws {
        var access = AccessSample()
        var sample = SnapshotSample.model(fallbacks: 1)
        sample.backends[0].change = { $0.provider = "openai" }
        let rule = "destination.provider == 'openai' && ai.model == 'small'"
        sample.rules[0].access = [
            try access.add(("r", .deny, rule)),
            try access.add(named: "only", ("r", .allow, "destination.backend == 'default/b1'")),
        ]
        sample.access = access.table
        let drive = Drive(sample)
        #expect(try drive.post(chat, body).dispatch?.endpoint == 1)
        sample.backends[1].name = "default/b9"
        drive.gone()
        drive.adopt(sample)
        try drive.post(chat, body)
        #expect(drive.record.accessRule == "default/p/r" && drive.unsettled == nil)
    }

    @Test("a request keeps the rules that it began with when the configuration changes")
    func swap() throws {
        let drive = try drive(fallbacks: 1, refused: [1])
        try drive.begin(
            "POST \(chat) HTTP/1.1\r\nHost: h\r\nX-Team: b\r\nContent-Length: 17\r\n\r\n")
        var next = SnapshotSample.model(fallbacks: 1)
        next.version = 2
        drive.adopt(next)
        #expect(drive.body(body).dispatch?.endpoint == 0)
        for _ in 0..<4 where drive.doneCount == 0 {
            drive.sent()
            drive.failed(.reset(wasReused: false))
        }
        #expect(drive.refusal == "access-denied" && drive.unsettled == nil)
    }
}
