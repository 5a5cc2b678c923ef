// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import Testing

@Suite("Picks for labelled data")
struct FleetGateTests {
    private static let balancings: [Balancing] = [
        .peakEWMA, .leastRequest, .roundRobin, .ringHash(header: Array("x-user".utf8)),
    ]
    private let phi = DataLabels(number: 0)
    private let secret = DataLabels(number: 1)

    @Test("go only where the gate is open, whatever the balancing", arguments: balancings)
    func gates(balancing: Balancing) {
        let sample = GateSample(balancing)
        #expect(sample.picked([]) == [0, 1, 2, 3, 4, 5])
        #expect(sample.picked(phi) == [1, 3, 5])
        #expect(sample.picked([]) == [0, 1, 2, 3, 4, 5], "the gate stayed shut")
        #expect(sample.fleet.invariants() == nil)
    }

    @Test("end with the evidence, to the nanosecond", arguments: balancings)
    func evidence(balancing: Balancing) {
        let sample = GateSample(balancing)
        let end: Int64 = 100_000_000_000
        #expect(sample.picked(secret, time: end - 1) == [5])
        #expect(sample.picked([phi, secret], time: end - 1) == [5])
        #expect(sample.picked(secret, time: end) == [])
        #expect(sample.picked(secret, time: -1) == [])
        #expect(sample.picked(phi, time: end) == [1, 3, 5])
    }

    @Test("do not panic over to where data may not go", arguments: balancings)
    func panic(balancing: Balancing) {
        let sample = GateSample(balancing)
        for number in [1, 3, 5] { sample.set(number, healthy: false) }
        #expect(sample.picked(phi) == [1, 3, 5], "they are all there is")
        #expect(sample.picked([]) == [0, 2, 4])
        sample.set(3, healthy: true)
        #expect(sample.picked(phi) == [3])
    }

    @Test("try one again rather than another where data may not go", arguments: balancings)
    func tried(balancing: Balancing) {
        let sample = GateSample(balancing)
        for _ in 0..<20 { _ = sample.picked(phi, remembers: true) }
        let again = sample.picked(phi)
        #expect(!again.isEmpty && again.isSubset(of: [1, 3, 5]))
    }

    @Test("follow a policy that changes while endpoints stay")
    func adopted() {
        let sample = GateSample(.peakEWMA)
        #expect(sample.picked(phi) == [1, 3, 5])
        sample.adopt(regions: ["us"])
        #expect(sample.picked(phi) == [0, 2, 4])
    }
}

/// Six endpoints of one backend, weights 1 to 6: those of an even number in `us`, the others in
/// `eu`; number 5 has evidence until second 100. `phi` may go to some regions, `secret` where
/// there is evidence.
private final class GateSample {
    var fleet = Fleet()
    private let balancing: Balancing
    private let now = Instant(nanoseconds: 1_000_000_000)
    private var tried = Tried()

    init(_ balancing: Balancing) {
        self.balancing = balancing
        adopt(regions: ["eu"])
    }

    func adopt(regions: [String]) {
        let evidence = Attestation(
            id: "e", verifier: "v", measurements: [], opens: WallTime(nanoseconds: 0),
            closes: WallTime(nanoseconds: 100_000_000_000))
        let endpoints = (0..<6).map { number in
            Endpoint(
                backend: 0, address: "10.0.0.\(number)", port: 80, weight: number + 1,
                labels: [.init(key: "region", value: number % 2 == 0 ? "us" : "eu")],
                attestation: number == 5 ? evidence : nil)
        }
        let backend = Backend(name: "b", endpoints: 0..<6, balancing: balancing)
        let demand = AttestationDemand(verifiers: ["v"])
        let table = ResidencyTable(
            labels: ["phi", "secret"],
            policies: [
                ResidencyPolicy(name: "p", label: 0, regions: regions, version: "1"),
                ResidencyPolicy(name: "s", label: 1, attestation: demand, version: "1"),
            ], backends: [backend], endpoints: endpoints)
        fleet.adopt(
            Snapshot(
                version: 1, ports: [], rules: [], backends: [backend], endpoints: endpoints,
                models: [], residency: table, limits: ConnectionLimits(),
                telemetry: TelemetrySettings(), drainTimeout: .zero), at: now)
    }

    func set(_ number: Int, healthy: Bool) {
        fleet.setHealth(backend: "b", authority: "10.0.0.\(number):80", healthy: healthy, at: now)
    }

    /// What 400 picks for `labels` at `time` chose.
    func picked(
        _ labels: DataLabels, time: Int64 = 1, remembers: Bool = false
    ) -> Set<EndpointID> {
        var random = SplitMix64(seed: 3)
        var seen: Set<EndpointID> = []
        for key in 0..<400 {
            let pick = fleet.pick(
                backend: 0, carrying: Carried(labels, at: WallTime(nanoseconds: time)),
                hash: key % 7 == 0 ? nil : UInt64(key), tried: tried, using: &random, at: now)
            guard let pick else { continue }
            seen.insert(pick.endpoint)
            if remembers { tried.insert(pick.slot) }
        }
        return seen
    }
}
