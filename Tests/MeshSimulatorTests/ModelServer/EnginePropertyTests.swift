// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator
import Testing

/// Random traffic against random engines: what must hold whatever happens.
struct EnginePropertyTests {
    struct Outcome: Equatable {
        var events: [EngineEvent]
        var instants: [Instant]
        var stats: EngineStats
        var accepted: [UInt64]
        var cancelled: [UInt64]
        var outputs: [UInt64: Int]
    }

    static func profile(using random: inout SplitMix64) -> EngineProfile {
        var profile = EngineProfile.card(cache: 512 + random.below(4000))
        profile.sequencesMax = 1 + random.below(24)
        profile.batchedTokensMax = 32 + random.below(600)
        profile.waitingMax = 4 + random.below(40)
        profile.jitterPermille = random.below(50)
        if random.below(4) == 0 { profile.frontEnd = .milliseconds(5) }
        return profile
    }

    static func faults(using random: inout SplitMix64) -> EngineFaults {
        var faults = EngineFaults.none
        switch random.below(6) {
        case 0: faults.resetAfterTokens = random.below(40)
        case 1: faults.failEvery = 2 + random.below(4)
        case 2: faults.outOfMemoryAboveTokens = 100 + random.below(300)
        case 3: faults.crashAfterTokens = 1 + random.below(2000)
        default: break
        }
        return faults
    }

    static func run(seed: UInt64) -> Outcome {
        var random = SplitMix64(seed: seed)
        let profile = profile(using: &random)
        let faults = faults(using: &random)
        var bench = EngineBench(profile, faults: faults, seed: seed)
        var outcome = Outcome(
            events: [], instants: [], stats: EngineStats(), accepted: [], cancelled: [],
            outputs: [:])
        var now = Instant(nanoseconds: 0)
        for id in 0..<120 as Range<UInt64> {
            now = now + .microseconds(Int64(random.below(40_000)))
            bench.advance(to: now)
            let prompt = 1 + random.below(300)
            let group = UInt64(random.below(5))
            let answer = random.below(80)
            let max = random.below(3) == 0 ? random.below(40) : Int.max
            let hashes = chain((prompt + Swift.min(answer, max)) / 16, salt: group)
            let admission = bench.submit(
                id, prompt: prompt, hashes: hashes, answer: answer, max: max, at: now)
            if admission == .accepted {
                outcome.accepted.append(id)
                outcome.outputs[id] = Swift.min(answer, max)
            }
            if random.below(6) == 0, id > 2 {
                let victim = id - UInt64(random.below(3))
                if bench.engine.cancel(.init(victim), at: now) { outcome.cancelled.append(victim) }
            }
            let stats = bench.engine.stats
            #expect(stats.blocksUsed <= stats.blocks, "seed \(seed)")
        }
        bench.run(limit: 200_000)
        outcome.events = bench.events
        outcome.instants = bench.instants
        outcome.stats = bench.engine.stats
        return outcome
    }

    @Test("every accepted job ends exactly once", arguments: 1...60 as ClosedRange<UInt64>)
    func conservation(seed: UInt64) {
        let outcome = Self.run(seed: seed)
        var ends: [UInt64: Int] = [:]
        var next: [UInt64: Int] = [:]
        for event in outcome.events {
            let id = event.job.rawValue
            #expect(ends[id] == nil, "job \(id) spoke after its end, seed \(seed)")
            switch event {
            case .token(_, let index):
                #expect(index == next[id, default: 0], "seed \(seed)")
                next[id] = index + 1
            case .finished(_, _, let usage):
                ends[id, default: 0] += 1
                #expect(usage.outputTokens == next[id, default: 0], "seed \(seed)")
                #expect(usage.outputTokens == outcome.outputs[id], "seed \(seed)")
                #expect(usage.cachedTokens < usage.promptTokens, "seed \(seed)")
            case .failed: ends[id, default: 0] += 1
            }
        }
        for id in outcome.cancelled { ends[id, default: 0] += 1 }
        for id in outcome.accepted { #expect(ends[id] == 1, "job \(id), seed \(seed)") }
        #expect(ends.count == outcome.accepted.count, "seed \(seed)")
        #expect(outcome.stats.blocksUsed == 0, "seed \(seed)")
        #expect(outcome.stats.running + outcome.stats.waiting == 0, "seed \(seed)")
        #expect(outcome.instants == outcome.instants.sorted(), "seed \(seed)")
    }

    @Test("the same seed gives the same events", arguments: 1...10 as ClosedRange<UInt64>)
    func repetition(seed: UInt64) {
        let first = Self.run(seed: seed)
        #expect(first == Self.run(seed: seed), "seed \(seed)")
        #expect(first.events.count > 10, "seed \(seed)")
    }
}
