// SPDX-License-Identifier: Apache-2.0

import MeshBasics
@testable import MeshRouting
import MeshSnapshot
import Testing

@Suite("a hash ring")
struct FleetRingTests {
    static let balancing = Balancing.ringHash(header: Array("x-user".utf8))

    private func owners(_ sample: FleetSample, keys: Int) -> [String] {
        (0..<keys).map { key in
            guard let pick = sample.pick(hash: StableHash.of(utf8: "user-\(key)")) else {
                return ""
            }
            return sample.fleet.identities[Int(pick.slot.index)].authority
        }
    }

    @Test("gives a key the same endpoint, on every shard")
    func stable() {
        let backends = [BackendSample(weights: [1, 1, 1, 1, 1], balancing: Self.balancing)]
        let one = FleetSample(backends, seed: 1)
        let two = FleetSample(backends, seed: 2)
        let owners = owners(one, keys: 500)
        #expect(owners == self.owners(two, keys: 500))
        #expect(owners == self.owners(one, keys: 500))
    }

    @Test("moves only the keys of the endpoint that comes or goes", arguments: [2, 5, 20, 100])
    func movement(count: Int) {
        let many = BackendSample(
            weights: Array(repeating: 1, count: count), balancing: Self.balancing)
        var more = many
        more.weights.append(1)
        let sample = FleetSample([many])
        let before = owners(sample, keys: 4000)
        sample.adopt([more])
        let during = owners(sample, keys: 4000)
        let moved = zip(before, during).filter { $0.0 != $0.1 }
        #expect(moved.allSatisfy { $0.1 == "10.0.0.\(count):8000" })
        let share = Double(moved.count) / 4000 * Double(count + 1)
        #expect(share > 0.6 && share < 1.4, "\(moved.count) of 4000 moved")
        sample.adopt([many])
        #expect(owners(sample, keys: 4000) == before)
    }

    @Test("moves only the keys of an endpoint that is out")
    func unhealthy() {
        let sample = FleetSample([
            BackendSample(
                weights: [1, 1, 1, 1], balancing: Self.balancing,
                healthCheck: HealthCheck(path: Array("/".utf8)))
        ])
        let before = owners(sample, keys: 1000)
        sample.setHealth(2, false)
        let during = owners(sample, keys: 1000)
        for (a, b) in zip(before, during) where a != b { #expect(a == "10.0.0.2:8000") }
        #expect(!during.contains("10.0.0.2:8000"))
    }

    @Test("shares keys about evenly")
    func balance() {
        let sample = FleetSample([
            BackendSample(weights: Array(repeating: 1, count: 10), balancing: Self.balancing)
        ])
        var counts: [EndpointID: Int] = [:]
        for key in 0..<20_000 {
            if let pick = sample.pick(hash: UInt64(key)) { counts[pick.endpoint, default: 0] += 1 }
        }
        for endpoint in 0..<10 {
            let count = counts[EndpointID(endpoint)] ?? 0
            #expect(count > 1400 && count < 2600, "\(endpoint) has \(count)")
        }
    }

    @Test("stays within its bound, with a point at least for each endpoint")
    func bounded() {
        let count = 3000
        let ring = HashRing(
            authorities: (0..<count).map { "10.0.\($0 / 256).\($0 % 256):80" },
            weights: (0..<count).map { $0 == 0 ? 1 : 1000 }, slots: (0..<Int32(count)).map { $0 })
        #expect(ring.count <= Limits.ringPoints + count)
        #expect(ring.count > Limits.ringPoints / 2)
        #expect((0..<ring.count).contains { ring.owner(at: $0) == 0 })
    }

    @Test("still finds the only endpoint left of thousands")
    func lastOne() {
        let sample = FleetSample([
            BackendSample(
                weights: Array(repeating: 1, count: 2000), balancing: Self.balancing,
                healthCheck: HealthCheck(path: Array("/".utf8)))
        ])
        for last in 0..<1999 { sample.setHealth(last, false) }
        for key in 0..<50 { #expect(sample.pick(hash: UInt64(key))?.endpoint == 1999) }
    }
}
