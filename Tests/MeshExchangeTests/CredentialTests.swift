// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Credentials")
struct CredentialTests {
    private let secret = Secret(bytes("sk-hunter2"))

    private func sample(header: String = "authorization", prefix: String = "Bearer ")
        -> SnapshotSample
    {
        var sample = SnapshotSample.model(fallbacks: 1, retry: RetryPolicy(attempts: 2))
        sample.backends[0].change = {
            $0.credential = Credential(
                header: bytes(header), prefix: bytes(prefix), source: .environment("KEY"))
        }
        return sample
    }

    private let callers =
        "Authorization: Bearer caller\r\nX-API-Key: caller\r\nApi-Key: caller\r\n"
        + "Cookie: caller=1\r\nX-Other: stays\r\n"

    @Test("a backend with a credential gets it and none of the caller's")
    func injects() throws {
        let drive = Drive(sample(), credentials: [secret])
        try drive.post("/v1/chat/completions", #"{"model":"small"}"#, fields: callers)
        let head = drive.forwarded().head
        #expect(head.field("authorization") == "Bearer sk-hunter2")
        #expect(head.field("x-api-key") == nil && head.field("api-key") == nil)
        #expect(head.field("cookie") == nil && head.field("x-other") == "stays")
        #expect(!head.contains("caller"))
    }

    @Test("a credential in a field of its own replaces that field too")
    func ownField() throws {
        let drive = Drive(sample(header: "x-goog-api-key", prefix: ""), credentials: [secret])
        try drive.post(
            "/v1/chat/completions", #"{"model":"small"}"#,
            fields: callers + "X-Goog-Api-Key: caller\r\n")
        let head = drive.forwarded().head
        #expect(head.field("x-goog-api-key") == "sk-hunter2")
        #expect(head.field("authorization") == nil && !head.contains("caller"))
    }

    @Test("a caller cannot have a credential removed by naming it in Connection")
    func nominated() throws {
        let drive = Drive(sample(), credentials: [secret])
        try drive.post(
            "/v1/chat/completions", #"{"model":"small"}"#,
            fields: callers + "Connection: authorization, x-api-key\r\n")
        #expect(drive.forwarded().head.field("authorization") == "Bearer sk-hunter2")
    }

    @Test("a fallback gets neither the caller's credentials nor those of another backend")
    func fallback() throws {
        let drive = Drive(sample(), credentials: [secret])
        try drive.post("/v1/chat/completions", #"{"model":"small"}"#, fields: callers)
        drive.sent()
        drive.failed(.reset(wasReused: false))
        let step = drive.failed(.connect)
        #expect(step.dispatch != nil && drive.currentPick?.endpoint == 1)
        let head = drive.forwarded().head
        #expect(head.field("authorization") == nil && head.field("x-other") == "stays")
        #expect(!head.contains("hunter2") && !head.contains("caller"))
    }

    @Test("the backend that was called gets the caller's credentials when it has none of its own")
    func passes() throws {
        let drive = Drive(SnapshotSample.model())
        try drive.post("/v1/chat/completions", #"{"model":"small"}"#, fields: callers)
        #expect(drive.forwarded().head.field("authorization") == "Bearer caller")
    }

    @Test("a mirrored copy carries nobody's credentials but its own backend's")
    func mirrored() throws {
        var sample = SnapshotSample()
        sample.backends = [BackendSample(), BackendSample(name: "default/b1", subnet: 1)]
        sample.rules = [
            Rule.forward(to: 0).with {
                $0.mirrors = [Mirror(backend: 1, numerator: 1, denominator: 1)]
            }
        ]
        let drive = Drive(sample)
        try drive.get("/", fields: callers)
        let order = try #require(drive.body("").mirrors.first)
        #expect(order.backend == 1)
        let copy = drive.mirrored(order).head
        #expect(!copy.contains("caller") && copy.field("x-other") == "stays")
        #expect(copy.field("connection") == "close")
        #expect(drive.forwarded().head.field("authorization") == "Bearer caller")
    }

    @Test("a target whose credential could not be read is passed over")
    func missingWithFallback() throws {
        let drive = Drive(sample(), credentials: [nil])
        let step = try drive.post("/v1/chat/completions", #"{"model":"small"}"#)
        #expect(step.dispatch?.endpoint == 1 && drive.record.flags == .fallback)
        drive.gone()
        #expect(drive.unsettled == nil)
    }

    @Test("a target whose credential could not be read is passed over for its fallback")
    func missingButFallback() throws {
        let drive = Drive(sample(), credentials: [nil])
        let step = try drive.post("/v1/chat/completions", #"{"model":"small"}"#, fields: callers)
        #expect(step.dispatch != nil && drive.currentPick?.endpoint == 1)
        drive.gone()
        #expect(drive.unsettled == nil && drive.record.flags.contains(.fallback))
    }

    @Test("a credential that could not be read is a refusal that names its place")
    func missing() throws {
        var sample = sample()
        sample.models[0].fallbacks = []
        let drive = Drive(sample, credentials: [nil])
        try drive.post("/v1/chat/completions", #"{"model":"small"}"#, fields: callers)
        #expect(drive.record.status == 500 && drive.refusal == "no-backend")
        #expect(drive.written.contains("environment variable KEY"))
        #expect(drive.unsettled == nil)
    }

    @Test("the secret shows in no record, refusal or dump of the shard")
    func hidden() throws {
        let drive = Drive(sample(), credentials: [secret])
        try drive.post("/v1/chat/completions", #"{"model":"small"}"#, fields: callers)
        var printed = ""
        dump(drive.shard, to: &printed)
        dump(drive.record, to: &printed)
        drive.sent()
        drive.failed(.connect)
        while drive.phase != .done { drive.failed(.connect) }
        dump(drive.record, to: &printed)
        printed += drive.written
        #expect(!printed.contains("hunter2") && !printed.contains("115, 107, 45"))
        #expect(drive.unsettled == nil)
    }
}
