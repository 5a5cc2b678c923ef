// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Where labelled data goes")
struct ResidencyHopTests {
    private let chat = "/v1/chat/completions"
    private let body = #"{"model":"small"}"#
    private let phi = "X-Label: phi\r\n"

    /// A model whose target is in the first of `regions` and whose fallbacks are in the others;
    /// `phi` may go to eu only.
    private func sample(_ regions: String?..., endpoints: Int = 1) throws -> SnapshotSample {
        var sample = SnapshotSample.model(
            fallbacks: regions.count - 1, endpoints: endpoints,
            retry: RetryPolicy(
                attempts: 2, attemptsInAll: 100, onConnectFailure: true, onReset: true))
        for (number, region) in regions.enumerated() {
            if let region { sample.backends[number].labels = ["region": region] }
        }
        sample.residency.headers = ["x-label"]
        try sample.residency.add("phi", regions: ["eu"])
        return sample
    }

    /// The backends that were tried while every attempt failed.
    private func tries(_ drive: Drive, _ fields: String) throws -> [BackendID] {
        var tried: [BackendID] = []
        try drive.post(chat, body, fields: fields)
        while drive.doneCount == 0, let pick = drive.currentPick {
            tried.append(drive.shard.snapshot.endpoints[Int(pick.endpoint)].backend)
            drive.sent()
            drive.wait(.seconds(1))
            drive.failed(tried.count % 2 == 0 ? .connect : .reset(wasReused: false))
        }
        return tried
    }

    @Test("the first try, retries and fallbacks go where it may go, and nowhere else")
    func hops() throws {
        let drive = Drive(try sample("us", "eu", nil, "eu", "eu-x", endpoints: 2))
        #expect(try tries(drive, phi) == [1, 1, 3, 3])
        #expect(drive.refusal == "upstream-unreachable")
        #expect(drive.unsettled == nil)
        #expect(try tries(drive, "") == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
        #expect(drive.record.residency == nil)
    }

    @Test("with no place for it the request is refused, never sent and never charged")
    func none() throws {
        var sample = try sample("us", nil, "eu-x")
        sample.usageLimits = [
            Limit(
                policy: "default/l", name: "r", unit: .requests, amount: 1, period: .seconds(60),
                key: [])
        ]
        sample.models[0].limits = [0]
        let drive = Drive(sample)
        for _ in 0..<3 {
            try drive.post(chat, body, fields: phi)
            #expect(drive.refusal == "residency-denied" && drive.record.status == 403)
            #expect(drive.record.attempts == 0 && drive.unsettled == nil)
            #expect(drive.record.residency?.hops == [] && drive.record.fault == .policy)
        }
        for part in [
            "data label phi", "default/b0 (region us is not allowed, ResidencyPolicy default/phi)",
            "default/b1 (its region is not known", "default/b2 (region eu-x is not allowed",
        ] {
            #expect(drive.written.contains(part), "\(drive.written)")
        }
        #expect(try drive.post(chat, body).dispatch != nil)
    }

    @Test("a share of the traffic that may not have it falls to the other targets")
    func shares() throws {
        var sample = try sample("us", "eu", "eu")
        sample.models[0].targets = (0...2).map {
            ModelTarget(weight: $0 == 0 ? 1000 : 1, backend: BackendID($0), upstreamModel: nil)
        }
        sample.models[0].fallbacks = []
        let drive = Drive(sample)
        var seen: Set<EndpointID> = []
        for _ in 0..<40 {
            let step = try drive.post(chat, body, fields: phi)
            seen.insert(try #require(step.dispatch).endpoint)
            drive.gone()
        }
        #expect(seen == [1, 2])
        #expect(try drive.post(chat, body).dispatch?.endpoint == 0)
    }

    @Test("the same holds for the targets of a route, and models behind them")
    func routes() throws {
        var sample = try sample("us", "eu")
        sample.rules = [
            Rule(
                route: "default/r", index: 0,
                action: .forward([
                    WeightedTarget(weight: 1000, destination: .backend(0)),
                    WeightedTarget(weight: 1, destination: .model(0)),
                ]), needsFacts: true)
        ]
        sample.prefixes = []
        let drive = Drive(sample)
        for _ in 0..<20 {
            #expect(try drive.post(chat, body, fields: phi).dispatch?.endpoint == 1)
            drive.gone()
        }
        sample.backends[1].labels = [:]
        drive.adopt(sample)
        try drive.post(chat, body, fields: phi)
        #expect(drive.refusal == "residency-denied" && drive.unsettled == nil)
    }

    @Test("no copy goes where it may not go")
    func mirrors() throws {
        var sample = SnapshotSample()
        sample.backends = (0...2).map { BackendSample(name: "default/b\($0)", subnet: $0) }
        for (number, region) in ["eu", "us", "eu"].enumerated() {
            sample.backends[number].labels = ["region": region]
        }
        sample.residency.headers = ["x-label"]
        try sample.residency.add("phi", regions: ["eu"])
        sample.rules[0].mirrors = [1, 2].map {
            Mirror(backend: $0, numerator: 1, denominator: 1)
        }
        let drive = Drive(sample)
        try drive.get("/", fields: phi)
        #expect(drive.body("").mirrors.map(\.backend) == [2])
        drive.gone()
        let hops = try #require(drive.record.residency).hops
        #expect(hops.map(\.kind) == [.first, .mirror] && hops.map(\.wasSent) == [false, true])
        try drive.get("/")
        #expect(drive.body("").mirrors.map(\.backend) == [1, 2])
    }

    @Test("every condition of every policy about every label must hold")
    func conditions() throws {
        var sample = SnapshotSample.model()
        sample.residency.headers = ["x-label"]
        try sample.residency.add("a", regions: ["eu-*"], providers: ["vllm"])
        try sample.residency.add("b", jurisdictions: ["EU", "CH"])
        let cases: [([String: String], String, String, Bool)] = [
            (["region": "eu-1"], "vllm", "a", true), (["region": "eu-1"], "openai", "a", false),
            (["region": "eu"], "vllm", "a", false), ([:], "vllm", "a", false),
            (["region": "eu-1"], "vllm", "a, b", false),
            (["region": "eu-1", "jurisdiction": "EU"], "vllm", "a, b", true),
            (["region": "eu-1", "jurisdiction": "EU, US"], "vllm", "a, b", false),
            (["jurisdiction": "EU,CH"], "", "b", true), (["jurisdiction": "EU"], "", "a", false),
            (["jurisdiction": "eu"], "", "b", false), (["jurisdiction": ","], "", "b", false),
        ]
        for (labels, provider, carried, mayGo) in cases {
            sample.backends[0].labels = labels
            sample.backends[0].change = { $0.provider = provider }
            let drive = Drive(sample)
            let step = try drive.post(chat, body, fields: "X-Label: \(carried)\r\n")
            #expect((step.dispatch != nil) == mayGo, "\(labels) \(provider) \(carried)")
        }
    }

    @Test("expired evidence evicts an endpoint at once, also between two attempts")
    func evidence() throws {
        var sample = try sample("eu", "eu")
        sample.residency = ResidencySample()
        sample.residency.headers = ["x-label"]
        let demand = AttestationDemand(verifiers: ["default/v"], measurements: ["m1", "m2"])
        try sample.residency.add("phi", attestation: demand)
        let start = WallTime(nanoseconds: 3_600_000_000_000)
        func evidence(_ id: String, _ measurement: String, seconds: Int64) -> Attestation {
            Attestation(
                id: id, verifier: "default/v", measurements: [measurement], opens: start,
                closes: WallTime(nanoseconds: start.nanoseconds + seconds * 1_000_000_000))
        }
        sample.backends[0].attestation = evidence("e0", "m1", seconds: 10)
        sample.backends[1].attestation = evidence("e1", "m2", seconds: 20)
        let drive = Drive(sample)
        #expect(try drive.post(chat, body, fields: phi).dispatch?.endpoint == 0)
        #expect(drive.record.residency?.hops.first?.attestation == "e0")
        drive.sent()
        drive.wait(.seconds(10))
        #expect(drive.failed(.reset(wasReused: true)).dispatch?.endpoint == 1)
        drive.gone()
        drive.wait(.milliseconds(9_999))
        #expect(try drive.post(chat, body, fields: phi).dispatch?.endpoint == 1)
        drive.gone()
        drive.wait(.milliseconds(1))
        try drive.post(chat, body, fields: phi)
        #expect(drive.refusal == "residency-denied" && drive.written.contains("has expired"))
        #expect(try drive.post(chat, body).dispatch?.endpoint == 0)
        drive.gone()
        sample.backends[0].attestation = evidence("e2", "m3", seconds: 100)
        drive.adopt(sample)
        try drive.post(chat, body, fields: phi)
        #expect(drive.written.contains("its evidence is of another kind"))
    }

    @Test("a request that began under other policies must please both")
    func swap() throws {
        let drive = Drive(try sample("eu", "eu"))
        try drive.begin(
            "POST \(chat) HTTP/1.1\r\nHost: h\r\n\(phi)Content-Length: 17\r\n\r\n")
        var next = try sample("us", "eu")
        next.version = 2
        next.residency = ResidencySample()
        next.residency.headers = ["x-label"]
        try next.residency.add("aaa", regions: ["us"])
        try next.residency.add("phi", regions: ["eu"])
        drive.adopt(next)
        #expect(drive.body(body).dispatch?.endpoint == 1)
        drive.gone()
        #expect(drive.unsettled == nil)
    }

    @Test("the receipt says what went where, under which policies")
    func receipt() throws {
        var sample = try sample("eu", "eu", endpoints: 2)
        sample.backends[1].labels["jurisdiction"] = "EU, DE"
        let drive = Drive(sample)
        #expect(try tries(drive, phi).count == 4)
        let receipt = try #require(drive.record.residency)
        #expect(receipt.labels == ["phi"] && receipt.policies == ["default/phi@1"])
        #expect(receipt.hops.map(\.kind) == [.first, .retry, .fallback, .retry])
        #expect(receipt.hops.allSatisfy { $0.wasSent && $0.region == "eu" })
        #expect(Set(receipt.hops.map(\.endpoint)).count == 4)
        #expect(receipt.hops.map(\.jurisdiction) == [nil, nil, "EU, DE", "EU, DE"])
        #expect(receipt.hops[0].provider == "vllm" && receipt.hops[0].attestation == nil)
    }

    @Test("a hop that cannot be written down is not made")
    func bound() throws {
        var sample = try sample("eu")
        sample.models[0].retry = RetryPolicy(
            attempts: 1000, attemptsInAll: 1000, onConnectFailure: true, onReset: true)
        sample.models[0].retry.budgetMinPerSecond = 1000
        let drive = Drive(sample)
        let count = try tries(drive, phi).count
        #expect(count == 48 && drive.refusal == "residency-denied" && drive.unsettled == nil)
    }
}
