// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot
import Testing

@testable import MeshRouting

@Suite("A fleet prefers what is near")
struct FleetLocalityTests {
    /// Four endpoints in the zone, two in the region, two far.
    private func sample(
        _ policy: LocalityPolicy = LocalityPolicy(), slowStart: Nanoseconds = .zero,
        balancing: Balancing = .leastRequest, seed: UInt64 = 1
    ) -> FleetSample {
        var backend = BackendSample(
            weights: Array(repeating: 1, count: 8), balancing: balancing,
            outlier: OutlierPolicy(consecutiveFailures: 1, ejectedPercentMax: 100))
        backend.tiers = [0, 0, 0, 0, 1, 1, 2, 2]
        backend.locality = policy
        backend.slowStart = slowStart
        return FleetSample([backend], seed: seed)
    }

    /// How many of `picks` each tier gets.
    private func tiers(_ sample: FleetSample, _ picks: Int = 10_000) -> [Int] {
        var counts = [0, 0, 0]
        for (endpoint, count) in sample.shares(of: picks) {
            counts[endpoint < 4 ? 0 : endpoint < 6 ? 1 : 2] += count
        }
        return counts
    }

    @Test(
        "shares follow what each tier can carry",
        arguments: [
            ([1000, 1000, 1000], [100, 100, 100]), ([750, 1000, 1000], [100, 100, 100]),
            ([500, 1000, 1000], [70, 100, 100]), ([0, 500, 1000], [0, 70, 100]),
            ([250, 0, 0], [100, 100, 100]), ([0, 0, 0], []), ([250, 250, 0], [50, 100, 100]),
        ])
    func bounds(permille: [Int], expected: [Int]) {
        let bounds = TierShares.bounds(
            fit: permille.map { $0 * 4 }, all: [4, 4, 4], overprovisioning: 140)
        #expect(bounds == expected)
    }

    @Test("all of it goes to the zone while enough of it is fit, then it spills over")
    func spill() {
        let sample = sample()
        #expect(tiers(sample) == [10_000, 0, 0])
        sample.setHealth(0, false)
        #expect(tiers(sample) == [10_000, 0, 0], "three of four carry everything")
        sample.setHealth(1, false)
        let half = tiers(sample)
        #expect(abs(half[0] - 7_000) < 300 && half[1] == 10_000 - half[0] && half[2] == 0)
        sample.setHealth(2, false)
        sample.setHealth(3, false)
        #expect(tiers(sample) == [0, 10_000, 0])
        sample.setHealth(4, false)
        let region = tiers(sample)
        #expect(abs(region[1] - 7_000) < 300 && region[2] == 10_000 - region[1])
        sample.setHealth(5, false)
        #expect(tiers(sample) == [0, 0, 10_000])
        sample.setHealth(6, false)
        sample.setHealth(7, false)
        #expect(sample.shares(of: 8_000).count == 8, "panic knows no places")
        #expect(sample.fleet.invariants() == nil)
    }

    @Test("without a policy, and on a ring, near and far are the same")
    func indifferent() {
        var backend = BackendSample(weights: [1, 1], balancing: .leastRequest)
        backend.tiers = [0, 2]
        #expect(FleetSample([backend]).shares(of: 1_000).count == 2)
        let ring = sample(balancing: .ringHash(header: Array("x".utf8)))
        #expect(ring.shares(of: 4_000).count == 8)
    }

    @Test("a request that tried the whole zone goes on to the region")
    func tried() {
        let sample = sample()
        var tried = Tried()
        for _ in 0..<4 {
            let pick = sample.pick(tried: tried)
            #expect((pick?.endpoint ?? 9) < 4)
            if let pick { tried.insert(pick.slot) }
        }
        let next = sample.pick(tried: tried)?.endpoint ?? 9
        #expect(next == 4 || next == 5)
    }

    @Test("a zone that has enough to do lets the region help out")
    func load() {
        let sample = sample(LocalityPolicy(spillRequests: 3))
        var counts = [0, 0, 0]
        for _ in 0..<30 {
            guard let pick = sample.pick() else { continue }
            sample.begin(pick.slot)
            counts[pick.endpoint < 4 ? 0 : pick.endpoint < 6 ? 1 : 2] += 1
        }
        #expect(counts[0] >= 12 && counts[1] >= 6 && counts[2] > 0, "\(counts)")
    }

    @Test("a zone that comes back gets its requests back by and by")
    func failBack() {
        let sample = sample(slowStart: .seconds(10))
        for number in 0..<4 { sample.setHealth(number, false) }
        #expect(tiers(sample) == [0, 10_000, 0])
        for number in 0..<4 { sample.setHealth(number, true) }
        var former = -1
        for _ in 0..<8 {
            _ = sample.fleet.sweep(at: sample.now)
            let near = tiers(sample)[0]
            #expect(near >= former - 300, "it only grows")
            if former < 0 { #expect(near < 2_000, "no herd at once: \(near)") }
            former = near
            sample.wait(1_500)
        }
        #expect(tiers(sample) == [10_000, 0, 0])
    }

    @Test("an endpoint that comes back is not buried because it looks idle")
    func ramp() {
        var backend = BackendSample(
            weights: [1, 1, 1, 1], balancing: .leastRequest,
            outlier: OutlierPolicy(consecutiveFailures: 1))
        backend.slowStart = .seconds(10)
        let sample = FleetSample([backend])
        sample.setHealth(0, false)
        for _ in 0..<90 {
            if let pick = sample.pick() { sample.begin(pick.slot) }
        }
        sample.setHealth(0, true)
        let early = sample.shares(of: 1_000)[0] ?? 0
        #expect(early < 120, "\(early)")
        sample.wait(10_000)
        _ = sample.fleet.sweep(at: sample.now)
        let late = sample.shares(of: 1_000)[0] ?? 0
        #expect(late > 400, "it is the least busy: \(late)")
    }

    @Test("a picture holds all that a pick by nearness looks at")
    func picture() throws {
        let sample = sample(slowStart: .seconds(10), seed: 5)
        sample.setHealth(0, false)
        sample.setHealth(1, false)
        sample.setHealth(0, true)
        _ = sample.fleet.sweep(at: sample.now)
        for step in 0..<300 {
            sample.wait(37)
            if step % 7 == 0 { _ = sample.fleet.sweep(at: sample.now) }
            let found = sample.fleet.picture(
                of: 0, carrying: .nothing, tried: Tried(), at: sample.now)
            let picture = try #require(found)
            let other = self.sample(slowStart: .seconds(10), seed: 99)
            let isSame = other.fleet.install(picture, of: 0)
            #expect(isSame)
            other.random = sample.random
            other.now = sample.now
            #expect(other.pick()?.endpoint == sample.pick()?.endpoint, "step \(step)")
        }
    }
}
