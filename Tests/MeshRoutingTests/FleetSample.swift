// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot

/// A backend as a test writes it.
struct BackendSample {
    var name = "default/b"
    var weights: [Int] = [1, 1, 1]
    var balancing = Balancing.peakEWMA
    var outlier: OutlierPolicy? = OutlierPolicy()
    var coolDown: CoolDownPolicy? = CoolDownPolicy()
    var healthCheck: HealthCheck?
    /// The last byte of the first address; the others follow.
    var firstAddress = 0
}

/// A snapshot with nothing but `samples`.
func snapshot(_ samples: [BackendSample]) -> Snapshot {
    var backends: [Backend] = []
    var endpoints: [Endpoint] = []
    for (number, sample) in samples.enumerated() {
        let first = EndpointID(endpoints.count)
        for (i, weight) in sample.weights.enumerated() {
            let last = sample.firstAddress + i
            endpoints.append(
                Endpoint(
                    backend: BackendID(number), address: "10.0.\(last / 256).\(last % 256)",
                    port: 8000, weight: weight))
        }
        backends.append(
            Backend(
                name: sample.name, endpoints: first..<EndpointID(endpoints.count),
                balancing: sample.balancing, healthCheck: sample.healthCheck,
                outlier: sample.outlier, coolDown: sample.coolDown))
    }
    return Snapshot(
        version: 1, ports: [], rules: [], backends: backends, endpoints: endpoints, models: [],
        limits: ConnectionLimits(), telemetry: TelemetrySettings(), drainTimeout: .seconds(30))
}

/// The instant `milliseconds` after one hour.
func instant(_ milliseconds: Int) -> Instant {
    Instant(nanoseconds: UInt64(3_600_000 + milliseconds) * 1_000_000)
}

/// A fleet with its chance and clock at hand, for tests that go step by step. A class, because
/// expectations take no mutating calls.
final class FleetSample {
    var fleet = Fleet()
    var random: SplitMix64
    var now = instant(0)

    init(_ samples: [BackendSample], seed: UInt64 = 1) {
        random = SplitMix64(seed: seed)
        fleet.adopt(snapshot(samples), at: now)
    }

    func adopt(_ samples: [BackendSample]) {
        fleet.adopt(snapshot(samples), at: now)
    }

    func pick(
        _ backend: BackendID = 0, hash: UInt64? = nil, tried: Tried = Tried()
    ) -> Pick? {
        fleet.pick(
            backend: backend, carrying: .nothing, hash: hash, tried: tried, using: &random, at: now)
    }

    /// The slot of `endpoint`, found by picking until it comes.
    func slot(of endpoint: EndpointID, backend: BackendID = 0) -> EndpointSlot {
        for _ in 0..<10_000 {
            if let pick = pick(backend), pick.endpoint == endpoint { return pick.slot }
        }
        return EndpointSlot(index: -1, generation: 0)
    }

    /// One whole attempt on `slot`.
    @discardableResult
    func attempt(
        _ slot: EndpointSlot, _ outcome: Outcome, latency: Nanoseconds? = nil
    ) -> Ejection? {
        begin(slot)
        if let latency { fleet.firstByte(slot, after: latency, at: now) }
        return end(slot, outcome)
    }

    func begin(_ slot: EndpointSlot) { fleet.begin(slot, at: now) }

    @discardableResult
    func end(_ slot: EndpointSlot, _ outcome: Outcome) -> Ejection? {
        fleet.end(slot, outcome, at: now)
    }

    func allowRetry(_ backend: BackendID, _ policy: RetryPolicy) -> Bool {
        fleet.allowRetry(backend: backend, policy: policy, at: now)
    }

    func setHealth(_ last: Int, _ healthy: Bool) {
        fleet.setHealth(
            backend: "default/b", authority: "10.0.\(last / 256).\(last % 256):8000",
            healthy: healthy, at: now)
    }

    func statistics(_ backend: BackendID = 0) -> BackendStatistics? {
        fleet.statistics(backend: backend, at: now)
    }

    /// How often each endpoint is picked when attempts end at once.
    func shares(of picks: Int, backend: BackendID = 0) -> [EndpointID: Int] {
        var shares: [EndpointID: Int] = [:]
        for _ in 0..<picks {
            if let pick = pick(backend) { shares[pick.endpoint, default: 0] += 1 }
        }
        return shares
    }

    func wait(_ milliseconds: Int) {
        now = now + .milliseconds(Int64(milliseconds))
    }
}
