// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import Testing

@Suite("a fleet ejects")
struct FleetEjectionTests {
    static let policy = OutlierPolicy(
        consecutiveFailures: 3, interval: .seconds(10), baseEjectionTime: .seconds(10),
        ejectionTimeMax: .seconds(25), ejectedPercentMax: 50)

    private func sample(_ count: Int, _ policy: OutlierPolicy = Self.policy) -> FleetSample {
        FleetSample([
            BackendSample(
                weights: Array(repeating: 1, count: count), balancing: .roundRobin,
                outlier: policy)
        ])
    }

    @Test("after failures in a row, and takes back when the time is over")
    func consecutive() throws {
        let sample = sample(4)
        let slot = sample.slot(of: 1)
        #expect(sample.attempt(slot, .failure) == nil)
        #expect(sample.attempt(slot, .failure) == nil)
        #expect(sample.attempt(slot, .success) == nil)
        #expect(sample.attempt(slot, .failure) == nil)
        #expect(sample.attempt(slot, .cancelled) == nil)
        #expect(sample.attempt(slot, .failure) == nil)
        let ejection = try #require(sample.attempt(slot, .failure))
        #expect(
            ejection
                == Ejection(
                    backend: 0, endpoint: 1, reason: .consecutiveFailures(3),
                    until: sample.now + .seconds(10)))
        #expect(sample.shares(of: 500)[1] == nil)
        #expect(sample.statistics()?.ejected == 1)
        sample.wait(9_999)
        #expect(sample.shares(of: 500)[1] == nil)
        sample.wait(1)
        sample.fleet.tick(at: sample.now)
        #expect(sample.statistics()?.ejected == 0)
        #expect(sample.shares(of: 500)[1] == 125)
        // One request finds out that it works again.
        #expect(sample.fleet.begin(slot, at: sample.now) == .endpoint)
        #expect(sample.fleet.end(slot, .success, .endpoint, at: sample.now) == nil)
        #expect(sample.statistics()?.endpoints[1].latency == .milliseconds(30))
        // Its record is clean.
        #expect(sample.attempt(slot, .failure) == nil)
        #expect(sample.attempt(slot, .failure) == nil)
    }

    @Test("longer each time up to a limit, and as at first after a quiet time")
    func growing() throws {
        let sample = sample(4)
        let slot = sample.slot(of: 0)
        func lengthOfNext() throws -> Nanoseconds {
            for _ in 0..<2 { #expect(sample.attempt(slot, .failure) == nil) }
            let until = try #require(sample.attempt(slot, .failure)).until
            let length = until - sample.now
            sample.now = until
            sample.fleet.tick(at: sample.now)
            let trial = sample.fleet.begin(slot, at: sample.now)
            #expect(sample.fleet.end(slot, .success, trial, at: sample.now) == nil)
            return length
        }
        #expect(try lengthOfNext() == .seconds(10))
        #expect(try lengthOfNext() == .seconds(20))
        #expect(try lengthOfNext() == .seconds(25))
        #expect(try lengthOfNext() == .seconds(25))
        sample.wait(20_000)
        #expect(try lengthOfNext() == .seconds(25))
        sample.wait(200_000)
        #expect(try lengthOfNext() == .seconds(10))
    }

    @Test(
        "no more than its share, and never the last",
        arguments: [
            (1, 100, 0), (2, 100, 1), (5, 100, 4), (4, 50, 2), (3, 50, 1), (3, 30, 0),
            (10, 35, 3), (4, 0, 0),
        ])
    func bounds(count: Int, percent: Int, ejected: Int) {
        var policy = Self.policy
        policy.ejectedPercentMax = percent
        let sample = sample(count, policy)
        let slots = (0..<count).map { sample.slot(of: EndpointID($0)) }
        var ejections = 0
        for _ in 0..<6 {
            for slot in slots where sample.attempt(slot, .failure) != nil { ejections += 1 }
        }
        #expect(ejections == ejected)
        #expect(sample.fleet.invariants() == nil)
        #expect(sample.statistics()?.healthy == count - ejected)
    }

    @Test("for a low rate of success within the interval")
    func successRate() throws {
        let policy = OutlierPolicy(
            consecutiveFailures: 0, successRatePercentMin: 80, successRateRequestsMin: 10,
            interval: .seconds(10))
        let sample = sample(4, policy)
        let slot = sample.slot(of: 3)
        for _ in 0..<7 { sample.attempt(slot, .success) }
        #expect(sample.attempt(slot, .failure) == nil)
        #expect(sample.attempt(slot, .failure) == nil)
        // 7 of 10.
        let ejection = try #require(sample.attempt(slot, .failure))
        #expect(ejection.reason == .successRate(percent: 70))
    }

    @Test("not for failures that are spread over many intervals")
    func successRateWindow() {
        let policy = OutlierPolicy(
            consecutiveFailures: 0, successRatePercentMin: 80, successRateRequestsMin: 4,
            interval: .seconds(10))
        let sample = sample(4, policy)
        let slot = sample.slot(of: 3)
        for _ in 0..<30 {
            #expect(sample.attempt(slot, .failure) == nil)
            #expect(sample.attempt(slot, .failure) == nil)
            sample.wait(10_000)
        }
    }

    @Test("nothing without a policy")
    func withoutPolicy() {
        let sample = FleetSample([BackendSample(outlier: nil)])
        let slot = sample.slot(of: 0)
        for _ in 0..<100 { #expect(sample.attempt(slot, .failure) == nil) }
    }

    @Test("no longer when the next snapshot has no policy or a smaller share")
    func policyChanges() {
        let sample = sample(4)
        for endpoint in [0, 1] {
            let slot = sample.slot(of: EndpointID(endpoint))
            for _ in 0..<3 { sample.attempt(slot, .failure) }
            sample.wait(100)
        }
        func ejected() -> Int? { sample.statistics()?.ejected }
        #expect(ejected() == 2)
        var smaller = Self.policy
        smaller.ejectedPercentMax = 25
        sample.adopt([BackendSample(weights: [1, 1, 1, 1], outlier: smaller)])
        #expect(ejected() == 1)
        #expect(sample.fleet.invariants() == nil)
        // The one that was ejected first is back.
        #expect(sample.statistics()?.endpoints[0].condition == .onTrial)
        sample.adopt([BackendSample(weights: [1, 1, 1, 1], outlier: nil)])
        #expect(ejected() == 0)
        #expect(sample.fleet.invariants() == nil)
    }
}
