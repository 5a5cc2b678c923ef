// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import Testing

@Suite("a fleet that adopts a snapshot")
struct FleetAdoptTests {
    private func statistics(_ sample: FleetSample, _ authority: String) -> EndpointStatistics? {
        sample.fleet.statistics(at: sample.now).flatMap(\.endpoints)
            .first { $0.authority == authority }
    }

    @Test("keeps slots, load and latency of the endpoints that stay")
    func keeps() {
        let sample = FleetSample([BackendSample(weights: [1, 1, 1])])
        let slot = sample.slot(of: 2)
        sample.begin(slot)
        sample.begin(slot)
        sample.fleet.firstByte(slot, after: .milliseconds(700), at: sample.now)
        // Another backend in front, one endpoint less: every number is a different one.
        sample.adopt([
            BackendSample(name: "default/a", weights: [1, 1]),
            BackendSample(weights: [1, 4], firstAddress: 1),
        ])
        let kept = statistics(sample, "10.0.0.2:8000")
        #expect(kept?.endpoint == 3)
        #expect(kept?.inFlight == 2)
        #expect(kept?.latency == .milliseconds(700))
        #expect(sample.slot(of: 3, backend: 1) == slot)
        sample.end(slot, .success)
        #expect(statistics(sample, "10.0.0.2:8000")?.inFlight == 1)
        #expect(sample.fleet.invariants() == nil)
        #expect(sample.fleet.misuses == 0)
    }

    @Test("tells endpoints with one authority in two backends apart")
    func backends() {
        let sample = FleetSample([
            BackendSample(name: "a", weights: [1]), BackendSample(name: "b", weights: [1]),
        ])
        let (a, b) = (sample.pick(0), sample.pick(1))
        #expect(a?.slot != b?.slot)
        #expect(a?.endpoint == 0 && b?.endpoint == 1)
    }

    @Test("keeps a slot of a vanished endpoint until nothing is in flight")
    func vanished() {
        let sample = FleetSample([BackendSample(weights: [1, 1], balancing: .roundRobin)])
        let slot = sample.slot(of: 1)
        sample.begin(slot)
        sample.begin(slot)
        sample.adopt([BackendSample(weights: [1], balancing: .roundRobin)])
        #expect(sample.fleet.inFlight == 2)
        #expect(sample.shares(of: 100) == [0: 100])
        #expect(sample.end(slot, .failure) == nil)
        #expect(sample.fleet.inFlight == 1)
        #expect(sample.fleet.invariants() == nil)
        // It comes back before its last attempt has ended.
        sample.adopt([BackendSample(weights: [1, 1], balancing: .roundRobin)])
        #expect(sample.slot(of: 1) == slot)
        #expect(statistics(sample, "10.0.0.1:8000")?.inFlight == 1)
        sample.adopt([BackendSample(weights: [1], balancing: .roundRobin)])
        sample.end(slot, .success)
        #expect(sample.fleet.inFlight == 0)
        #expect(sample.fleet.misuses == 0)
        // Its place may now be another's, whom the old slot does not touch.
        sample.adopt([
            BackendSample(weights: [1], balancing: .roundRobin),
            BackendSample(name: "c", weights: [1]),
        ])
        let other = sample.slot(of: 1, backend: 1)
        #expect(other.index == slot.index)
        #expect(other != slot)
        sample.begin(slot)
        #expect(sample.fleet.misuses == 1)
        #expect(sample.fleet.inFlight == 0)
        #expect(sample.fleet.invariants() == nil)
    }

    @Test("keeps what health checks said, until there are none")
    func health() {
        let check = HealthCheck(path: Array("/".utf8))
        let sample = FleetSample([BackendSample(healthCheck: check)])
        sample.setHealth(1, false)
        sample.adopt([BackendSample(name: "x"), BackendSample(healthCheck: check)])
        #expect(statistics(sample, "10.0.0.1:8000")?.condition == .healthy)
        let second = sample.statistics(1)
        #expect(second?.unhealthy == 1)
        #expect(second?.endpoints[1].condition == .unhealthy)
        sample.adopt([BackendSample(name: "x"), BackendSample()])
        #expect(sample.statistics(1)?.healthy == 3)
        #expect(sample.fleet.invariants() == nil)
    }

    @Test("keeps ejections and budgets")
    func ejections() {
        let policy = OutlierPolicy(consecutiveFailures: 1)
        let retry = RetryPolicy(budgetPercent: 0, budgetMinPerSecond: 1)
        let sample = FleetSample([BackendSample(outlier: policy)])
        let slot = sample.slot(of: 1)
        sample.attempt(slot, .failure)
        for _ in 0..<10 {
            #expect(sample.allowRetry(0, retry))
        }
        sample.adopt([BackendSample(name: "x"), BackendSample(outlier: policy)])
        #expect(sample.shares(of: 300, backend: 1)[4] == nil)
        #expect(!sample.allowRetry(1, retry))
        #expect(sample.allowRetry(0, retry))
        #expect(sample.fleet.invariants() == nil)
    }

    @Test("bounds the retries of all backends together, beside those of each")
    func budgetOfAll() {
        let sample = FleetSample([BackendSample(), BackendSample(name: "x", firstAddress: 9)])
        sample.fleet.meshBudgetPolicy = RetryBudgetPolicy(percent: 10, minPerSecond: 1)
        for backend in [BackendID(0), 1] {
            for _ in 0..<100 { sample.fleet.countRequest(backend: backend, at: sample.now) }
        }
        // A tenth of two hundred, and one for each of ten seconds; each alone could have 120.
        let allowed = (0..<100).filter { sample.allowRetry(BackendID($0 % 2), RetryPolicy()) }
        #expect(allowed.count == 30)
        sample.fleet.meshBudgetPolicy = nil
        #expect(sample.allowRetry(0, RetryPolicy()) && sample.allowRetry(1, RetryPolicy()))
    }

    @Test("takes several endpoints with one authority for several")
    func duplicates() {
        let one = Endpoint(backend: 0, address: "::1", port: 1)
        let backend = Backend(name: "d", endpoints: 0..<2, balancing: .roundRobin)
        let snapshot = Snapshot(
            version: 1, ports: [], rules: [], backends: [backend], endpoints: [one, one],
            models: [], limits: ConnectionLimits(), telemetry: TelemetrySettings(),
            drainTimeout: .zero)
        let sample = FleetSample([])
        sample.fleet.adopt(snapshot, at: sample.now)
        #expect(sample.shares(of: 10) == [0: 5, 1: 5])
        sample.fleet.setHealth(
            backend: "d", authority: "[::1]:1", healthy: false, at: sample.now)
        #expect(sample.statistics()?.unhealthy == 2)
        sample.fleet.adopt(.empty, at: sample.now)
        #expect(sample.fleet.invariants() == nil)
    }
}
