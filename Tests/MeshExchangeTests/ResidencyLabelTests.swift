// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshPolicy
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Labels of data")
struct ResidencyLabelTests {
    private let chat = "/v1/chat/completions"
    private let body = #"{"model":"small"}"#

    /// A model in region eu, labels `phi` and `pii` that may only go there.
    private func drive(
        when expressions: String..., change: (inout SnapshotSample) throws -> Void = { _ in }
    ) throws -> Drive {
        var sample = SnapshotSample.model()
        sample.backends[0].labels = ["region": "eu"]
        sample.residency.headers = ["x-label"]
        if expressions.isEmpty {
            try sample.residency.add("phi", regions: ["eu"])
        } else {
            try sample.residency.add("phi", regions: ["eu"], when: expressions[0])
        }
        try sample.residency.add("pii", regions: ["eu"])
        sample.access = AccessTable(policies: [], layout: sample.residency.layout)
        try change(&sample)
        return Drive(sample)
    }

    private func labels(_ drive: Drive, _ fields: String, body: String? = nil) throws -> [String]? {
        try drive.post(chat, body ?? self.body, fields: fields)
        if drive.phase != .done { drive.gone() }
        return drive.record.residency?.labels
    }

    @Test(
        "a header lists them, whatever its case, blanks and repetitions",
        arguments: [
            ("", nil), ("X-Label:\r\n", nil), ("X-Label: , ,\r\n", nil),
            ("X-Label: phi\r\n", ["phi"]), ("x-LABEL: PHI\r\n", ["phi"]),
            ("X-Label: pii, Phi ,pii\r\n", ["phi", "pii"]),
            ("X-Label: pii\r\nX-Label: phi\r\n", ["phi", "pii"]),
            ("X-Label:\t phi \t\r\n", ["phi"]), ("X-Labels: phi\r\n", nil),
        ])
    func header(fields: String, expected: [String]?) throws {
        #expect(try labels(try drive(), fields) == expected)
    }

    @Test(
        "a label that no policy is about refuses, for nobody knows where it may go",
        arguments: ["phii", "phi, secret", "phi;pii", "ph i", "\"phi\""])
    func unknown(value: String) throws {
        let drive = try drive()
        try drive.post(chat, body, fields: "X-Label: \(value)\r\n")
        #expect(drive.refusal == "residency-denied" && drive.record.status == 403)
        #expect(drive.record.attempts == 0 && drive.unsettled == nil)
        #expect(!drive.written.contains(value), "the value of the header is repeated")
    }

    @Test(
        "an expression over any fact gives them, as a condition, a name or a list",
        arguments: [
            ("request.headers['x-class'] == 'clinical'", "X-Class: clinical\r\n", true),
            ("request.headers['x-class'] == 'clinical'", "X-Class: open\r\n", false),
            ("request.headers['x-class']", "X-Class: Phi\r\n", true),
            ("request.headers['x-class']", "X-Class: open, phi\r\n", true),
            ("request.headers['x-class']", "X-Class: phii\r\n", false),
            ("request.headers['x-class'].split('+')", "X-Class: a+phi\r\n", true),
            ("request.headers['x-class'].split('+')", "X-Class: a+b\r\n", false),
            ("'x-class' in request.headers ? ['phi'] : []", "", false),
            ("source.address == ''", "", true),
            ("ai.model == 'small'", "", true),
            ("ai.model == 'large'", "", false),
            ("ai.max_tokens > 5", "", true),
        ])
    func expressions(text: String, fields: String, isLabelled: Bool) throws {
        let drive = try drive(when: text)
        #expect(try labels(drive, fields) == (isLabelled ? ["phi"] : nil))
    }

    @Test(
        "what cannot be evaluated gives its label",
        arguments: [
            ("request.headers['x-class'] == 'open'", ""),
            ("request.headers['x-class'] == 'open'", "X-Class: open\r\nX-Class: open\r\n"),
            ("int(request.headers['x-class']) == 3", "X-Class: three\r\n"),
            ("request.size / 0 == 1", ""),
            ("[request.headers['x-class'], 1]", "X-Class: open\r\n"),
            ("dyn(1)", ""),
        ])
    func unknowns(text: String, fields: String) throws {
        #expect(try labels(try drive(when: text), fields) == ["phi"])
    }

    @Test("its route and its model give them to every request")
    func targets() throws {
        let drive = try drive { sample in
            sample.rules[0].labels = [DataLabels(number: 1)]
            sample.models[0].labels = [DataLabels(number: 0)]
        }
        #expect(try labels(drive, "") == ["phi", "pii"])
    }

    @Test("a body that nobody reads cannot be known, and one that is not there can")
    func unread() throws {
        var sample = SnapshotSample()
        sample.backends[0].labels = ["region": "eu"]
        try sample.residency.add("phi", regions: ["eu"], when: "ai.model == 'small'")
        sample.access = AccessTable(policies: [], layout: sample.residency.layout)
        let drive = Drive(sample)
        try drive.post("/any", "{}")
        drive.gone()
        #expect(drive.record.residency?.labels == ["phi"])
        try drive.get("/any")
        drive.gone()
        #expect(drive.record.residency == nil)
    }

    @Test("access rules can speak about them")
    func facts() throws {
        let drive = try drive { sample in
            var access = AccessSample()
            access.layout = sample.residency.layout
            sample.rules[0].access = [
                try access.add(("phi", .deny, "'phi' in data.labels && data.labels.size() == 1"))
            ]
            sample.access = access.table
        }
        try drive.post(chat, body, fields: "X-Label: phi\r\n")
        #expect(drive.record.accessRule == "default/p/phi")
        try drive.post(chat, body, fields: "X-Label: phi, pii\r\n")
        #expect(drive.record.accessRule == nil && drive.phase == .dispatched)
        drive.gone()
        try drive.post(chat, body)
        #expect(drive.record.accessRule == nil && drive.phase == .dispatched)
    }

    @Test("no label outlives its request on a connection that is kept")
    func reset() throws {
        let drive = try drive()
        #expect(try labels(drive, "X-Label: phi\r\n") == ["phi"])
        #expect(try labels(drive, "") == nil)
    }
}
