// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import Testing

/// Random operations, misuse included, against a plain account of what is in flight.
@Suite("a fleet stays sound")
struct FleetInvariantTests {
    private func randomBackends(_ random: inout SplitMix64) -> [BackendSample] {
        var samples: [BackendSample] = []
        for name in ["a", "b", "c"] where random.below(4) > 0 {
            samples.append(
                BackendSample(
                    name: name, weights: (0..<random.below(6)).map { _ in random.below(4) },
                    balancing: FleetPickTests.all[random.below(4)],
                    outlier: random.below(4) == 0
                        ? nil
                        : OutlierPolicy(
                            consecutiveFailures: random.below(4),
                            successRatePercentMin: random.below(2) * 70,
                            successRateRequestsMin: 3,
                            ejectedPercentMax: random.below(101)),
                    healthCheck: random.below(3) == 0
                        ? nil : HealthCheck(path: Array("/".utf8)),
                    firstAddress: random.below(4)))
        }
        return samples
    }

    @Test("under any sequence of operations", arguments: 0..<60)
    func anySequence(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let sample = FleetSample([], seed: UInt64(seed) + 1000)
        var backends = randomBackends(&random)
        sample.adopt(backends)
        var open: [EndpointSlot] = []
        var closed: [EndpointSlot] = []
        for step in 0..<600 {
            sample.wait(random.below(200))
            switch random.below(16) {
            case 0 where random.below(4) == 0:
                backends = randomBackends(&random)
                sample.adopt(backends)
            case 0, 1:
                sample.fleet.setHealth(
                    backend: ["a", "b", "c"][random.below(3)],
                    authority: "10.0.0.\(random.below(8)):8000", healthy: random.below(2) == 0,
                    at: sample.now)
            case 2: sample.fleet.tick(at: sample.now)
            case 3: sample.wait(random.below(20_000))
            case 4:
                // A slot that may be long gone, ended once too often.
                guard let slot = closed.randomElement(using: &random), !open.contains(slot)
                else { continue }
                let before = sample.fleet.misuses
                #expect(sample.end(slot, .failure) == nil)
                #expect(sample.fleet.misuses == before + 1)
            case 5...9:
                guard let slot = open.randomElement(using: &random),
                    let index = open.firstIndex(of: slot)
                else { continue }
                open.remove(at: index)
                closed.append(slot)
                let outcome = [Outcome.success, .failure, .failure, .cancelled][random.below(4)]
                let ejection = sample.end(slot, outcome)
                if let ejection {
                    let left = sample.statistics(ejection.backend)
                    #expect((left?.healthy ?? 0) >= 1, "seed \(seed) step \(step)")
                }
            default:
                let backend = random.below(4)
                var tried = Tried()
                for _ in 0..<random.below(3) {
                    if let slot = open.randomElement(using: &random) { tried.insert(slot) }
                }
                let hash = random.below(2) == 0 ? nil : random.next()
                let pick = sample.pick(BackendID(backend), hash: hash, tried: tried)
                let takesTraffic =
                    backend < backends.count && backends[backend].weights.contains { $0 > 0 }
                #expect((pick != nil) == takesTraffic, "seed \(seed) step \(step)")
                guard let pick else { continue }
                sample.begin(pick.slot)
                open.append(pick.slot)
            }
            #expect(sample.fleet.inFlight == open.count, "seed \(seed) step \(step)")
            let fault = sample.fleet.invariants()
            #expect(fault == nil, "seed \(seed) step \(step)")
            if fault != nil { return }
        }
        for slot in open { sample.end(slot, .success) }
        sample.adopt([])
        #expect(sample.fleet.inFlight == 0)
        #expect(sample.fleet.invariants() == nil)
    }

    @Test("when reports make no sense")
    func misuse() {
        let sample = FleetSample([BackendSample()])
        let stranger = EndpointSlot(index: 99, generation: 1)
        let negative = EndpointSlot(index: -1, generation: 0)
        for slot in [stranger, negative] {
            sample.begin(slot)
            sample.fleet.firstByte(slot, after: .zero, at: sample.now)
            #expect(sample.end(slot, .failure) == nil)
        }
        #expect(sample.fleet.misuses == 6)
        let slot = sample.slot(of: 0)
        #expect(sample.attempt(slot, .success) == nil)
        #expect(sample.end(slot, .success) == nil)
        #expect(sample.fleet.misuses == 7)
        sample.fleet.firstByte(slot, after: Nanoseconds(-5), at: sample.now)
        sample.fleet.countRequest(backend: 9, at: sample.now)
        #expect(!sample.allowRetry(9, RetryPolicy()))
        #expect(sample.statistics(9) == nil)
        #expect(sample.fleet.invariants() == nil)
    }
}
