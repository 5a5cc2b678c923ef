// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import Testing

@Suite("A fleet leaves out what is far slower than its peers")
struct FleetSweepTests {
    private func sample(_ count: Int, percent: Int = 300, most: Int = 50) -> FleetSample {
        let sample = FleetSample([
            BackendSample(
                weights: Array(repeating: 1, count: count), balancing: .roundRobin,
                outlier: OutlierPolicy(
                    ejectedPercentMax: most, latencyPercentMax: percent, latencyRequestsMin: 5))
        ])
        #expect(sample.fleet.sweep(at: sample.now) == [], "the first interval begins")
        return sample
    }

    private func answer(_ sample: FleetSample, _ milliseconds: [Int64], times: Int = 5) {
        for (number, latency) in milliseconds.enumerated() {
            let slot = sample.slot(of: EndpointID(number))
            for _ in 0..<times {
                sample.attempt(slot, .success, latency: .milliseconds(latency))
            }
        }
        sample.wait(10_000)
    }

    @Test("the slow one goes, and comes back for a trial")
    func one() throws {
        let sample = sample(4)
        answer(sample, [20, 22, 90, 18])
        let ejections = sample.fleet.sweep(at: sample.now)
        #expect(ejections.map(\.endpoint) == [2])
        #expect(ejections.first?.reason == .latency(percentOfMedian: 450))
        #expect(sample.shares(of: 400)[2] == nil)
        sample.wait(5_000)
        #expect(sample.shares(of: 400)[2] == 100)
        #expect(sample.statistics()?.endpoints[2].condition == .onTrial)
        #expect(sample.fleet.invariants() == nil)
    }

    @Test("a little slower, too few answers, two endpoints, or an interval that runs: nobody goes")
    func nobody() {
        let little = sample(4)
        answer(little, [20, 20, 59, 20])
        #expect(little.fleet.sweep(at: little.now) == [])
        let few = sample(4)
        answer(few, [20, 20, 900, 20], times: 4)
        #expect(few.fleet.sweep(at: few.now) == [])
        let two = sample(2)
        answer(two, [20, 900])
        #expect(two.fleet.sweep(at: two.now) == [])
        let early = sample(4)
        for _ in 0..<5 {
            early.attempt(early.slot(of: 0), .success, latency: .milliseconds(900))
        }
        early.wait(9_999)
        #expect(early.fleet.sweep(at: early.now) == [])
        let off = sample(4, percent: 0)
        answer(off, [20, 20, 900, 20])
        #expect(off.fleet.sweep(at: off.now) == [])
    }

    @Test("the slowest first, and no more than the policy's share")
    func share() {
        let sample = sample(5, percent: 200, most: 40)
        answer(sample, [10, 10, 50, 70, 60])
        let ejections = sample.fleet.sweep(at: sample.now)
        #expect(ejections.map(\.endpoint) == [], "most are slow: then that is how it is")
        answer(sample, [10, 10, 10, 70, 60])
        #expect(sample.fleet.sweep(at: sample.now).map(\.endpoint) == [3, 4])
        #expect(sample.fleet.invariants() == nil)
    }

    @Test("what was slow in one interval is not held against it in the next")
    func window() {
        let sample = sample(4)
        answer(sample, [20, 20, 20, 20])
        #expect(sample.fleet.sweep(at: sample.now) == [])
        answer(sample, [20, 20, 20, 20])
        #expect(sample.fleet.sweep(at: sample.now) == [])
        answer(sample, [20, 20, 20, 70])
        #expect(sample.fleet.sweep(at: sample.now).count == 1)
    }
}
