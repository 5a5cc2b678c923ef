// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import Testing

@Suite("a fleet picks")
struct FleetPickTests {
    static let all: [Balancing] = [
        .peakEWMA, .leastRequest, .roundRobin, .ringHash(header: Array("x-user".utf8)),
    ]

    @Test("nothing where nothing takes traffic", arguments: all)
    func nothing(balancing: Balancing) {
        let sample = FleetSample([
            BackendSample(weights: [], balancing: balancing),
            BackendSample(name: "default/zero", weights: [0, 0], balancing: balancing),
        ])
        #expect(sample.pick(0) == nil)
        #expect(sample.pick(1) == nil)
        #expect(sample.pick(2) == nil)
        #expect(sample.pick(-1) == nil)
        let empty = FleetSample([])
        #expect(empty.pick(0) == nil)
    }

    @Test("each endpoint by its weight, and none of weight 0", arguments: all)
    func weights(balancing: Balancing) throws {
        let sample = FleetSample([
            BackendSample(weights: [1, 0, 3, 6], balancing: balancing)
        ])
        let shares = sample.shares(of: 20_000)
        #expect(shares[1] == nil)
        for (endpoint, weight) in [(0, 1), (2, 3), (3, 6)] {
            let share = Double(shares[EndpointID(endpoint)] ?? 0) / 20_000
            let wanted = Double(weight) / 10
            #expect(abs(share - wanted) < 0.02, "\(balancing): \(endpoint) gets \(share)")
        }
    }

    @Test("by weight while attempts last", arguments: [Balancing.peakEWMA, .leastRequest])
    func weightsUnderLoad(balancing: Balancing) {
        let sample = FleetSample([BackendSample(weights: [1, 2, 5], balancing: balancing)])
        var shares = [0, 0, 0]
        for _ in 0..<8000 {
            guard let pick = sample.pick() else { continue }
            sample.begin(pick.slot)
            shares[Int(pick.endpoint)] += 1
        }
        for (share, weight) in zip(shares, [1, 2, 5]) { #expect(abs(share - weight * 1000) < 50) }
    }

    @Test("in turn, each exactly by its weight over one round")
    func roundRobin() {
        let sample = FleetSample([BackendSample(weights: [2, 3, 5], balancing: .roundRobin)])
        for _ in 0..<7 { #expect(sample.shares(of: 10) == [0: 2, 1: 3, 2: 5]) }
        let equal = FleetSample([
            BackendSample(weights: [4, 4, 4], balancing: .roundRobin)
        ])
        let first = equal.pick()?.endpoint ?? 0
        for step in 1...9 { #expect(equal.pick()?.endpoint == (first + EndpointID(step)) % 3) }
    }

    @Test("in turn without long runs of one endpoint")
    func roundRobinSpreads() {
        let sample = FleetSample([BackendSample(weights: [1, 1, 8], balancing: .roundRobin)])
        var last: [Int] = [-1, -1]
        for turn in 0..<1000 {
            guard let endpoint = sample.pick()?.endpoint, endpoint < 2 else { continue }
            if last[Int(endpoint)] >= 0 { #expect(turn - last[Int(endpoint)] == 10) }
            last[Int(endpoint)] = turn
        }
    }

    @Test("less of what is slow")
    func latency() {
        let sample = FleetSample([BackendSample(weights: [1, 1, 1, 1])])
        let slow = sample.slot(of: 2)
        for endpoint in 0..<4 {
            let slot = sample.slot(of: EndpointID(endpoint))
            let latency: Nanoseconds = slot == slow ? .milliseconds(200) : .milliseconds(5)
            for _ in 0..<20 { sample.attempt(slot, .success, latency: latency) }
        }
        let shares = sample.shares(of: 3000)
        #expect((shares[2] ?? 0) == 0)
        // Two that are both quick are still told apart by load alone.
        for endpoint in [0, 1, 3] { #expect((shares[EndpointID(endpoint)] ?? 0) > 800) }
        // What was slow is forgiven when nothing more is heard of it.
        sample.wait(60_000)
        for endpoint in [0, 1, 3] {
            sample.attempt(
                sample.slot(of: EndpointID(endpoint)), .success, latency: .milliseconds(5))
        }
        #expect((sample.shares(of: 3000)[2] ?? 0) > 500)
    }

    @Test("less of what is busy", arguments: [Balancing.peakEWMA, .leastRequest])
    func load(balancing: Balancing) {
        let sample = FleetSample([BackendSample(weights: [1, 1, 1], balancing: balancing)])
        let busy = sample.slot(of: 1)
        for _ in 0..<10 { sample.begin(busy) }
        #expect(sample.shares(of: 1000)[1] == nil)
        // The first byte says nothing about load: a stream that runs still counts.
        for _ in 0..<10 {
            sample.fleet.firstByte(busy, after: .milliseconds(30), at: sample.now)
        }
        #expect(sample.shares(of: 1000)[1] == nil)
        for _ in 0..<10 { sample.end(busy, .success) }
        #expect((sample.shares(of: 3000)[1] ?? 0) > 200)
    }

    @Test("no endpoint that fails quickly over one that works")
    func quickFailures() {
        let sample = FleetSample([BackendSample(weights: [1, 1], outlier: nil)])
        let bad = sample.slot(of: 0)
        let good = sample.slot(of: 1)
        for _ in 0..<10 {
            sample.attempt(bad, .failure, latency: .microseconds(100))
            sample.attempt(good, .success, latency: .milliseconds(20))
        }
        let shares = sample.shares(of: 1000)
        #expect((shares[1] ?? 0) > 990)
    }

    @Test("what was not tried, and what was only when nothing else is left", arguments: all)
    func tried(balancing: Balancing) throws {
        for hash in [nil, 1, 2, 99] as [UInt64?] {
            let sample = FleetSample([
                BackendSample(weights: [1, 50, 1, 1, 500], balancing: balancing)
            ])
            var tried = Tried()
            var seen: [EndpointID] = []
            for _ in 0..<5 {
                let pick = try #require(sample.pick(hash: hash, tried: tried))
                #expect(!seen.contains(pick.endpoint))
                #expect(!tried.contains(pick.slot))
                seen.append(pick.endpoint)
                tried.insert(pick.slot)
            }
            let again = try #require(sample.pick(hash: hash, tried: tried))
            #expect(tried.contains(again.slot))
        }
    }

    @Test("no unhealthy endpoint, and all of them when all are unhealthy", arguments: all)
    func health(balancing: Balancing) {
        let sample = FleetSample([
            BackendSample(
                balancing: balancing, healthCheck: HealthCheck(path: Array("/health".utf8)))
        ])
        func seen() -> [EndpointID] {
            var seen: [EndpointID] = []
            for key in 0..<300 {
                guard let pick = sample.pick(hash: UInt64(key)) else { continue }
                if !seen.contains(pick.endpoint) { seen.append(pick.endpoint) }
            }
            return seen.sorted()
        }
        #expect(seen() == [0, 1, 2])
        sample.setHealth(0, false)
        #expect(seen() == [1, 2])
        sample.setHealth(2, false)
        #expect(seen() == [1])
        sample.setHealth(1, false)
        #expect(seen() == [0, 1, 2])
        sample.setHealth(2, true)
        #expect(seen() == [2])
        sample.setHealth(7, true)
        #expect(sample.fleet.invariants() == nil)
    }
}
