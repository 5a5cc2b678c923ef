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
                            ejectedPercentMax: random.below(101),
                            panicPercent: random.below(2) * 60,
                            latencyPercentMax: random.below(2) * 150, latencyRequestsMin: 2),
                    coolDown: random.below(4) == 0 ? nil : CoolDownPolicy(),
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
        var trials: [EndpointSlot: Int] = [:]
        var closed: [EndpointSlot] = []
        for step in 0..<600 {
            sample.wait(random.below(200))
            switch random.below(20) {
            case 0 where random.below(4) == 0:
                backends = randomBackends(&random)
                sample.adopt(backends)
            case 0, 1:
                sample.fleet.setHealth(
                    backend: ["a", "b", "c"][random.below(3)],
                    authority: "10.0.0.\(random.below(8)):8000", healthy: random.below(2) == 0,
                    at: sample.now)
            case 2: sample.fleet.tick(at: sample.now)
            case 16...19: trouble(sample, open, step, &random)
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
                var trial: Trial = []
                if let left = trials[slot], left > 0 {
                    trials[slot] = left - 1
                    trial = .endpoint
                }
                let ejection = sample.fleet.end(slot, outcome, trial, at: sample.now)
                if let ejection {
                    let left = sample.statistics(ejection.backend)
                    #expect((left?.healthy ?? 0) >= 1, "seed \(seed) step \(step)")
                }
            default:
                guard let pick = picked(sample, backends, open, step, &random) else { continue }
                if sample.fleet.begin(pick.slot, at: sample.now) == .endpoint {
                    trials[pick.slot, default: 0] += 1
                }
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

    /// A pick, which must be there wherever something takes traffic and does not cool down.
    private func picked(
        _ sample: FleetSample, _ backends: [BackendSample], _ open: [EndpointSlot], _ step: Int,
        _ random: inout SplitMix64
    ) -> Pick? {
        let backend = random.below(4)
        var tried = Tried()
        for _ in 0..<random.below(3) {
            if let slot = open.randomElement(using: &random) { tried.insert(slot) }
        }
        let hash = random.below(2) == 0 ? nil : random.next()
        let pick = sample.pick(BackendID(backend), hash: hash, tried: tried)
        let weights = backend < backends.count ? backends[backend].weights : []
        let takesTraffic = weights.contains { $0 > 0 }
        let mayBeNone = !takesTraffic || isAnyOut(sample, backend, weights)
        #expect(pick != nil || mayBeNone, "step \(step)")
        #expect(takesTraffic || pick == nil, "step \(step)")
        return pick
    }

    /// Whether an endpoint that could take traffic is out for any reason.
    private func isAnyOut(_ sample: FleetSample, _ backend: Int, _ weights: [Int]) -> Bool {
        let states = sample.statistics(BackendID(backend))?.endpoints ?? []
        return zip(states, weights).contains { endpoint, weight in
            weight > 0 && endpoint.condition != .healthy && endpoint.condition != .onTrial
        }
    }

    /// One of the things that a server's answers lead to.
    private func trouble(
        _ sample: FleetSample, _ open: [EndpointSlot], _ step: Int, _ random: inout SplitMix64
    ) {
        let model = Array(["m", "n"][random.below(2)].utf8)
        let backend = BackendID(random.below(4))
        switch random.below(4) {
        case 0:
            let hint = random.below(2) == 0 ? nil : Nanoseconds.seconds(Int64(random.below(9)))
            let slot = random.below(2) == 0 ? nil : open.randomElement(using: &random)
            _ = sample.fleet.coolDown(
                backend, slot: slot, model: model, hint: hint, at: sample.now)
        case 1:
            let trial = sample.fleet.begin(model: model, on: backend, at: sample.now)
            let outcome = [Outcome.success, .failure, .failure, .cancelled][random.below(4)]
            _ = sample.fleet.end(model: model, on: backend, outcome, trial, at: sample.now)
        case 2: _ = sample.fleet.sweep(at: sample.now)
        default:
            guard let slot = open.randomElement(using: &random) else { return }
            sample.fleet.firstByte(
                slot, after: .milliseconds(Int64(random.below(500))), at: sample.now)
        }
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
