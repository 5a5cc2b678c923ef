// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Engines that are asked about labelled data")
struct ResidencyEngineTests {
    private let chat = "/v1/chat/completions"
    private let phi = "X-Label: phi\r\n"

    /// A model in region eu whose Gateway asks an engine behind Backends in `regions`; `phi` may
    /// go to eu only.
    private func sample(
        _ regions: String?..., allowsOnFailure: Bool = false, isAudit: Bool = false,
        cachedBy key: [String]? = nil, labelledBy expressions: String...
    ) throws -> SnapshotSample {
        var access = AccessSample()
        var sample = SnapshotSample.model()
        sample.backends[0].labels = ["region": "eu"]
        sample.backends.append(BackendSample(name: "default/engine", subnet: 9))
        sample.backends[1].addresses = []
        let engine = try access.engine(
            backend: 1, allowsOnFailure: allowsOnFailure, cachedBy: key)
        for rule in sample.rules.indices {
            sample.rules[rule].access = [
                try access.add(
                    named: "p\(rule)", isAudit: isAudit, engine: engine,
                    ("ask", .custom, "true"))
            ]
        }
        for (number, region) in regions.enumerated() {
            sample.backends[1].addresses.append("10.0.9.\(number + 1)")
            if regions.count == 1, let region { sample.backends[1].labels = ["region": region] }
        }
        sample.residency.headers = ["x-label"]
        sample.residency.layout = access.layout
        if let expression = expressions.first {
            try sample.residency.add("phi", regions: ["eu"], when: expression)
        } else {
            try sample.residency.add("phi", regions: ["eu"])
        }
        access.layout = sample.residency.layout
        sample.access = access.table
        return sample
    }

    private func ask(
        _ drive: Drive, _ fields: String = "", _ body: String = #"{"model":"small"}"#
    ) throws -> Step {
        try drive.post(chat, body, fields: fields)
    }

    /// The engine says yes, and the body comes.
    private func yes(_ drive: Drive) -> Step {
        let step = drive.heard(allows: true)
        return step.collectsBody ? drive.body(#"{"model":"small"}"#) : step
    }

    @Test(
        "one that is not where the data may be is never told, whatever its failure mode",
        arguments: [false, true])
    func outside(allowsOnFailure: Bool) throws {
        for region in ["us", nil] {
            let drive = Drive(try sample(region, allowsOnFailure: allowsOnFailure))
            #expect(try ask(drive, phi).asks == nil)
            #expect(drive.refusal == "residency-denied" && drive.record.status == 403)
            #expect(drive.record.accessRule == "default/p0/ask" && drive.unsettled == nil)
            #expect(drive.written.contains("default/engine (") && drive.record.attempts == 0)
            #expect(drive.record.residency?.labels == ["phi"])
            #expect(drive.record.residency?.hops == [])
            #expect(try ask(drive).asks != nil, "without the label it is asked")
            drive.gone()
        }
    }

    @Test("one that is where the data may be is asked, and the receipt says so")
    func inside() throws {
        let drive = Drive(try sample("eu"))
        let order = try #require(try ask(drive, phi).asks)
        #expect(drive.shard.snapshot.endpoints[Int(order.pick.endpoint)].address == "10.0.9.1")
        _ = yes(drive)
        drive.sent()
        try drive.answered(200)
        drive.came("{}", isLast: true)
        drive.ended()
        let hops = try #require(drive.record.residency).hops
        #expect(hops.map(\.kind) == [.engine, .first] && hops.allSatisfy(\.wasSent))
        #expect(hops.map(\.backend) == ["default/engine", "default/b0"])
        #expect(hops.map(\.endpoint) == ["10.0.9.1:8000", "10.0.0.1:8000"])
        #expect(hops.map(\.region) == ["eu", "eu"])
    }

    @Test("an attempt that failed leaves the question as sent, and itself as not sent")
    func unsent() throws {
        let drive = Drive(try sample("eu"))
        _ = try ask(drive, phi)
        _ = yes(drive)
        drive.failed(.connect)
        let hops = try #require(drive.record.residency).hops
        #expect(hops.map(\.kind) == [.engine, .first] && hops.map(\.wasSent) == [true, false])
    }

    @Test("of several endpoints those that may have it are asked")
    func endpoints() throws {
        var sample = try sample("us", "eu", "us")
        sample.backends[1].change = { $0.balancing = .roundRobin }
        let drive = Drive(sample)
        // Where endpoints differ only the one in eu is a place, which labels of each tell.
        let snapshot = drive.shard.snapshot
        var endpoints = snapshot.endpoints
        for (number, region) in ["us", "eu", "us"].enumerated() {
            endpoints[1 + number].labels = [Endpoint.Label(key: "region", value: region)]
        }
        let table = ResidencyTable(
            labels: snapshot.residency.labels, policies: snapshot.residency.policies,
            headers: snapshot.residency.headers, backends: snapshot.backends,
            endpoints: endpoints)
        drive.shard.adopt(
            Snapshot(
                version: 2, ports: snapshot.ports, rules: snapshot.rules,
                backends: snapshot.backends, endpoints: endpoints, models: snapshot.models,
                access: snapshot.access, residency: table, limits: snapshot.limits,
                telemetry: snapshot.telemetry, drainTimeout: snapshot.drainTimeout),
            credentials: [nil, nil], at: drive.now)
        var seen: Set<EndpointID> = []
        for _ in 0..<20 {
            seen.insert(try #require(try ask(drive, phi).asks).pick.endpoint)
            drive.gone()
        }
        #expect(seen == [2])
        for _ in 0..<20 {
            seen.insert(try #require(try ask(drive).asks).pick.endpoint)
            drive.gone()
        }
        #expect(seen == [1, 2, 3])
    }

    @Test("a label that only the body or the model gives is waited for")
    func late() throws {
        let drive = Drive(try sample("us", labelledBy: "has(ai.max_tokens) && ai.max_tokens == 7"))
        try drive.begin(
            "POST \(chat) HTTP/1.1\r\nHost: h\r\nContent-Length: 31\r\n\r\n")
        #expect(drive.steps.last?.asks == nil && drive.phase == .collecting)
        drive.body(#"{"model":"small","max_tokens":7}"#)
        #expect(drive.refusal == "residency-denied" && drive.steps.allSatisfy { $0.asks == nil })
        #expect(try ask(drive, "", #"{"model":"small","max_tokens":8}"#).asks != nil)
        drive.gone()

        var byModel = try sample("us")
        byModel.models[0].labels = DataLabels(number: 0)
        let other = Drive(byModel)
        #expect(try ask(other).asks == nil)
        #expect(other.refusal == "residency-denied")
        // The list of models has no model of its own, and so no label of one.
        #expect(try other.get("/v1/models").asks != nil)
        other.gone()
    }

    @Test("what the mesh answers by itself tells an engine no more")
    func own() throws {
        let drive = Drive(try sample("us", labelledBy: "has(ai.max_tokens) && ai.max_tokens == 7"))
        #expect(try drive.get("/v1/models", fields: phi).asks == nil)
        #expect(drive.refusal == "residency-denied" && drive.unsettled == nil)
        // What a body says that is not read counts as labelled.
        try drive.begin(
            "GET /v1/models HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n")
        #expect(drive.refusal == "residency-denied")
        #expect(try drive.get("/v1/models").asks != nil)
        drive.gone()
    }

    @Test("a policy that only counts counts it, and asks nobody")
    func audit() throws {
        let drive = Drive(try sample("us", isAudit: true))
        let step = try ask(drive, phi)
        #expect(step.asks == nil && step.dispatch != nil)
        #expect(drive.record.flags.contains(.accessAudited))
        #expect(drive.record.accessRule == "default/p0/ask")
        drive.gone()
        #expect(drive.record.residency?.hops.map(\.kind) == [.first])
    }

    @Test("an answer that is kept tells nobody anything")
    func kept() throws {
        let drive = Drive(try sample("us", cachedBy: ["request.path"]))
        _ = try ask(drive)
        #expect(yes(drive).dispatch != nil)
        drive.gone()
        #expect(try ask(drive, phi).dispatch != nil)
        drive.gone()
        #expect(drive.record.residency?.hops.map(\.kind) == [.first])
    }

    @Test("a request that began under other policies asks only where both let it")
    func swap() throws {
        let labelledByBody = "has(ai.max_tokens) && ai.max_tokens == 7"
        let drive = Drive(
            try sample("eu", allowsOnFailure: true, labelledBy: labelledByBody))
        for region in ["us", "eu"] {
            drive.adopt(try sample("eu", allowsOnFailure: true, labelledBy: labelledByBody))
            try drive.begin(
                "POST \(chat) HTTP/1.1\r\nHost: h\r\n\(phi)Content-Length: 17\r\n\r\n")
            var next = try sample(
                region, allowsOnFailure: true, labelledBy: labelledByBody)
            next.version = 2
            drive.adopt(next)
            let step = drive.body(#"{"model":"small"}"#)
            if region == "eu" {
                #expect(step.asks != nil)
                drive.gone()
            } else {
                #expect(step.asks == nil && drive.refusal == "residency-denied")
            }
            #expect(drive.unsettled == nil)
        }
    }
}
