// SPDX-License-Identifier: Apache-2.0

import Glibc
import MeshBasics
import Testing

@testable import MeshRollout

/// Bounds and tests hold what they promise, for the published examples and for drawn ones.
@Suite("tests of proportions")
struct ProportionTests {
    @Test("the gamma function agrees with the C library's")
    func gamma() {
        var random = SplitMix64(seed: 11)
        for _ in 0..<2_000 {
            let x = Elementary.exp(random.fraction() * 16 - 2)
            let theirs: Double = lgamma(x)
            #expect(
                abs(SpecialFunctions.lnGamma(x) - theirs) <= 1e-11 * max(1, abs(theirs)), "\(x)")
        }
    }

    @Test("the beta distribution agrees with sums of binomial probabilities")
    func beta() {
        #expect(abs(SpecialFunctions.beta(below: 0.5, 2, 3) - 0.6875) < 1e-12)
        #expect(abs(SpecialFunctions.beta(below: 0.9, 1, 1) - 0.9) < 1e-12)
        var random = SplitMix64(seed: 12)
        for _ in 0..<300 {
            let n = 1 + random.below(60)
            let k = 1 + random.below(n)
            let p = random.fraction()
            var tail = 0.0
            for hits in k...n {
                let ways = lgamma(Double(n + 1)) - lgamma(Double(hits + 1))
                tail += exp(
                    ways - lgamma(Double(n - hits + 1)) + Double(hits) * log(p)
                        + Double(n - hits) * log(1 - p))
            }
            let found = SpecialFunctions.beta(below: p, Double(k), Double(n - k + 1))
            #expect(abs(found - tail) < 1e-10, "\(k) of \(n) at \(p)")
        }
    }

    @Test(
        "the bounds are those of the published tables",
        arguments: [
            (4, 20, 0.057334, 0.436614), (0, 10, 0, 0.308497), (10, 10, 0.691503, 1),
            (10, 100, 0.049005, 0.176223), (1, 1_000, 0.000025, 0.005558),
        ])
    func published(_ hits: UInt64, _ trials: UInt64, _ low: Double, _ high: Double) {
        let proportion = Proportion(hits: hits, trials: trials)
        #expect(abs(proportion.lowerBound(doubt: 0.025) - low) < 2e-6)
        #expect(abs(proportion.upperBound(doubt: 0.025) - high) < 2e-6)
    }

    @Test("bounds stay bounds for millions of requests and next to no doubt")
    func extremes() {
        let many = Proportion(hits: 1_000_000, trials: 10_000_000)
        let low = many.lowerBound(doubt: 1e-9)
        let high = many.upperBound(doubt: 1e-9)
        // Six deviations of 0.000095 each.
        #expect(low > 0.0994 && low < 0.0995)
        #expect(high < 0.1006 && high > 0.1005)
        #expect(Proportion(hits: 0, trials: 0).upperBound(doubt: 0.01) == 1)
        #expect(Proportion(hits: 0, trials: 0).lowerBound(doubt: 0.01) == 0)
        #expect(Proportion(hits: 8, trials: 8).lowerBound(doubt: 0.003) > 0.48)
    }

    @Test("a bound is on its wrong side no more often than the doubt allows")
    func coverage() {
        for seed in 0..<6 {
            var random = SplitMix64(seed: UInt64(seed))
            let chance = [0.002, 0.02, 0.1, 0.4, 0.8, 0.99][seed]
            var wrong = 0
            for _ in 0..<1_500 {
                let trials = 10 + random.below(200)
                let hits = (0..<trials).count { _ in random.fraction() < chance }
                let seen = Proportion(hits: UInt64(hits), trials: UInt64(trials))
                if seen.lowerBound(doubt: 0.05) > chance { wrong += 1 }
            }
            // 75 are allowed; three deviations are 25.
            #expect(wrong <= 100, "seed \(seed): \(wrong) of 1,500")
        }
    }

    @Test("a difference is bounded as the published example has it, a little more widely")
    func difference() {
        // Newcombe 1998, example (a): 56/70 and 48/80, where Wilson's bounds give 0.0524.
        let excess = Proportion(hits: 56, trials: 70).excess(
            over: Proportion(hits: 48, trials: 80), doubt: 0.025)
        #expect(excess < 0.0524 && excess > 0.03, "\(excess)")
    }

    @Test("two equal chances are told apart no more often than the doubt allows")
    func equals() {
        var random = SplitMix64(seed: 31)
        for chance in [0.005, 0.05, 0.3] {
            var wrong = 0
            for _ in 0..<600 {
                let few = (0..<100).count { _ in random.fraction() < chance }
                let many = (0..<900).count { _ in random.fraction() < chance }
                let excess = Proportion(hits: UInt64(few), trials: 100).excess(
                    over: Proportion(hits: UInt64(many), trials: 900), doubt: 0.05)
                if excess > 0 { wrong += 1 }
            }
            // 30 are allowed; three deviations are 16.
            #expect(wrong <= 46, "chance \(chance): \(wrong) of 600")
        }
    }

    @Test(
        "the points of the normal distribution are those of the tables",
        arguments: [(0.5, 0), (0.025, 1.959964), (0.001, 3.090232), (1e-6, 4.753424)])
    func normal(_ tail: Double, _ point: Double) {
        #expect(abs(SpecialFunctions.normalPoint(tail: tail) - point) < 5e-4)
    }

    @Test("looks come with growing samples, and all of them together spend the doubt at most")
    func looks() {
        #expect(Looks.number(at: 19, least: 20) == 0)
        #expect(Looks.number(at: 20, least: 20) == 1)
        #expect(Looks.number(at: 24, least: 20) == 1)
        #expect(Looks.number(at: 25, least: 20) == 2)
        #expect(Looks.number(at: .max / 2, least: 1) <= 200)
        var spent = 0.0
        var last = 0
        for samples in stride(from: UInt64(1), to: 1_000_000, by: 97) {
            let number = Looks.number(at: samples, least: 10)
            #expect(number >= last)
            if number > last { spent += Looks.share(0.05, of: number) }
            last = number
        }
        #expect(spent < 0.05)
        #expect(last > 40 && last < 60)
    }
}
