// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Labels that a classifier finds in the text")
struct ResidencyClassifierTests {
    private let chat = "/v1/chat/completions"
    private let body = #"{"model":"small"}"#

    /// A model with a target in us and a fallback in eu, whose text is shown to a classifier in
    /// `region` for the label `phi`, which may go to eu only.
    private func sample(
        in region: String = "eu", cached: Bool = false
    ) throws -> SnapshotSample {
        var access = AccessSample()
        var sample = SnapshotSample.model(fallbacks: 1)
        sample.backends.append(BackendSample(name: "default/reader", subnet: 9))
        for (number, region) in ["us", "eu", region].enumerated() {
            sample.backends[number].labels = ["region": region]
        }
        let engine = try access.engine(
            named: "reader", .classifier(path: bytes("/labels")), backend: 2,
            cachedBy: cached ? [] : nil)
        sample.access = access.table
        sample.residency.headers = ["x-label"]
        try sample.residency.add("other", regions: ["eu", "us"])
        try sample.residency.add("phi", regions: ["eu"])
        sample.residency.classifiers = [
            Classifier(engine: engine, labels: DataLabels(number: 1))
        ]
        return sample
    }

    private func found(_ labels: String...) -> EngineOutcome {
        .answered(EngineAnswer(allows: true, labels: labels))
    }

    @Test("what carries it goes another way than what does not")
    func routes() throws {
        let drive = Drive(try sample())
        let step = try drive.post(chat, body)
        guard case .http(let question)? = step.asks?.question.form else {
            Issue.record("nobody is asked")
            return
        }
        #expect(question.target == bytes("/labels") && question.body == bytes(body))
        #expect(drive.phase == .asking && drive.deadline == drive.now + .milliseconds(200))
        #expect(drive.heard(found("phi")).dispatch?.endpoint == 1)
        drive.gone()
        let receipt = try #require(drive.record.residency)
        #expect(receipt.labels == ["phi"])
        #expect(receipt.hops.map(\.kind) == [.classifier, .fallback])
        #expect(receipt.hops.map(\.region) == ["eu", "eu"])

        try drive.post(chat, body)
        #expect(drive.heard(found()).dispatch?.endpoint == 0)
        drive.gone()
        #expect(drive.record.residency == nil && drive.unsettled == nil)
    }

    @Test(
        "without an answer it is carried", arguments: EngineFailure.allCases)
    func failure(failure: EngineFailure) throws {
        let drive = Drive(try sample())
        try drive.post(chat, body)
        #expect(drive.heard(.failed(failure)).dispatch?.endpoint == 1)
        #expect(drive.record.residency?.labels == ["phi"])
        drive.gone()
    }

    @Test("a classifier that is no place for what it would find is not shown anything")
    func place() throws {
        let drive = Drive(try sample(in: "us"))
        let step = try drive.post(chat, body)
        #expect(step.asks == nil && step.dispatch?.endpoint == 1)
        #expect(drive.record.residency?.hops.map(\.kind) == [.fallback])
        drive.gone()
    }

    @Test("a label that it is not asked about refuses", arguments: ["other", "phii", ""])
    func stranger(label: String) throws {
        let drive = Drive(try sample())
        try drive.post(chat, body)
        drive.heard(found("phi", label))
        #expect(drive.refusal == "residency-denied" && drive.record.attempts == 0)
        #expect(drive.unsettled == nil)
    }

    @Test("nobody is asked about what is known, or about nothing")
    func known() throws {
        let drive = Drive(try sample())
        #expect(try drive.post(chat, body, fields: "X-Label: phi\r\n").dispatch?.endpoint == 1)
        drive.gone()
        #expect(try drive.get("/v1/models").isDone)
        #expect(drive.record.residency == nil)
        let other = try drive.post(chat, body, fields: "X-Label: other\r\n")
        #expect(other.asks != nil)
        drive.gone()
    }

    @Test("answers are kept by the text, all of it")
    func kept() throws {
        let drive = Drive(try sample(cached: true))
        try drive.post(chat, body)
        #expect(drive.heard(found("phi")).dispatch?.endpoint == 1)
        drive.gone()
        #expect(try drive.post(chat, body).dispatch?.endpoint == 1)
        drive.gone()
        #expect(drive.record.residency?.hops.map(\.kind) == [.fallback])
        #expect(try drive.post(chat, body + " ").asks != nil)
        drive.heard(.failed(.timeout))
        drive.gone()
        #expect(try drive.post(chat, body + " ").asks != nil, "failures are not kept")
        drive.gone()
        drive.wait(.seconds(11))
        #expect(try drive.post(chat, body).asks != nil, "the time of the answer is over")
        drive.gone()
    }

    @Test("where the body is not read, it is carried")
    func unread() throws {
        var sample = try sample()
        sample.rules = [.forward(to: 0)]
        sample.prefixes = []
        let drive = Drive(sample)
        try drive.post("/", "text")
        #expect(drive.refusal == "residency-denied")
        #expect(try drive.get("/").dispatch?.endpoint == 0)
        drive.gone()
    }

    @Test("rules and engines see what it found, and are asked behind it")
    func rules() throws {
        var sample = try sample()
        var access = AccessSample()
        _ = try access.engine(
            named: "reader", .classifier(path: bytes("/labels")), backend: 2)
        let judge = try access.engine(named: "judge", backend: 1)
        for rule in sample.rules.indices {
            sample.rules[rule].access = [
                try access.add(
                    named: "p\(rule)", engine: judge, ("ask", .custom, "'phi' in data.labels"))
            ]
        }
        sample.access = access.table
        let drive = Drive(sample)
        #expect(try drive.post(chat, body).asks?.question.engine.name == "default/reader")
        #expect(drive.heard(found("phi")).asks?.question.engine.name == "default/judge")
        #expect(drive.heard(allows: true).dispatch?.endpoint == 1)
        drive.gone()
        #expect(drive.record.residency?.hops.map(\.kind) == [.classifier, .engine, .fallback])
        try drive.post(chat, body)
        #expect(drive.heard(found()).dispatch?.endpoint == 0)
        drive.gone()
    }

    @Test("a recording decides the same again")
    func replay() throws {
        var sample = try sample()
        sample.recording = RecordingSettings(perSecondMax: 10, ringMax: 10)
        let drive = Drive(sample)
        try drive.post(chat, body)
        drive.heard(found("phi"))
        drive.gone()
        let recording = try #require(drive.shard.recorder.all.last)
        let snapshot = drive.shard.snapshot
        #expect(try Replay.run(recording) { _ in snapshot }.difference == nil)
        #expect(recording.events.contains { $0.engine?.labels == ["phi"] })
    }
}
