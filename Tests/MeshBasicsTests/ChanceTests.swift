// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@Suite("Chance and hashes that are the same everywhere")
struct ChanceTests {
    @Test("the generator gives the published sequence for seed 1234567")
    func knownVectors() {
        var random = SplitMix64(seed: 1_234_567)
        let expected: [UInt64] = [
            6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
        ]
        for value in expected { #expect(random.next() == value) }
    }

    @Test("the generator gives the published sequence for seed 0")
    func zeroSeed() {
        var random = SplitMix64(seed: 0)
        #expect(random.next() == 0xE220_A839_7B1D_CDAF)
        #expect(random.next() == 0x6E78_9E6A_A1B9_65F4)
        #expect(random.next() == 0x06C4_5D18_8009_454F)
    }

    @Test("equal seeds give equal sequences, and a copy goes its own way")
    func determinism() {
        var first = SplitMix64(seed: 9)
        var second = SplitMix64(seed: 9)
        for _ in 0..<100 { #expect(first.next() == second.next()) }
        var copy = first
        #expect(copy.next() == first.next())
        #expect(first.state == copy.state)
        _ = first.next()
        #expect(first.state != copy.state)
    }

    @Test("a split does not depend on how its name was reached, and differs by name")
    func splits() {
        let root = SplitMix64(seed: 3)
        #expect(root.split("retry").state == root.split("retry").state)
        #expect(root.split("retry").state != root.split("pick").state)
        #expect(root.split("retry").state != SplitMix64(seed: 4).split("retry").state)
    }

    @Test("draws stay below their bound and reach all of it evenly")
    func below() {
        let seed: UInt64 = 21
        var random = SplitMix64(seed: seed)
        #expect(random.below(0) == 0)
        #expect(random.below(1) == 0)
        #expect(random.below(-5) == 0)
        for bound in [2, 3, 7, 10] {
            var counts = [Int](repeating: 0, count: bound)
            for _ in 0..<10_000 {
                let drawn = random.below(bound)
                guard counts.indices.contains(drawn) else {
                    Issue.record("drew \(drawn) below \(bound), seed \(seed)")
                    return
                }
                counts[drawn] += 1
            }
            let fair = 10_000 / bound
            for count in counts { #expect(abs(count - fair) < fair / 4, "seed \(seed)") }
        }
        for _ in 0..<1000 {
            let fraction = random.fraction()
            #expect(fraction >= 0 && fraction < 1)
        }
    }

    @Test("equal bytes have equal hashes wherever they lie in memory")
    func alignment() {
        let seed: UInt64 = 31
        var random = SplitMix64(seed: seed)
        for length in 0...40 {
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let plain = StableHash.of(bytes.span.bytes, seed: 5)
            for shift in 0..<9 {
                let shifted = [UInt8](repeating: 0xAA, count: shift) + bytes + [0x55]
                let span = shifted.span.bytes.extracting(shift..<(shift + length))
                let found = StableHash.of(span, seed: 5)
                #expect(found == plain, "length \(length), seed \(seed)")
            }
        }
    }

    @Test("bytes that differ in one place, in length or by seed have other hashes")
    func differences() {
        let seed: UInt64 = 41
        var random = SplitMix64(seed: seed)
        var seen: Set<UInt64> = []
        var count = 0
        for length in 1...32 {
            var bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let plain = StableHash.of(bytes.span.bytes)
            let seeded = StableHash.of(bytes.span.bytes, seed: 1)
            #expect(seeded != plain)
            let longer = bytes + [0]
            let lengthened = StableHash.of(longer.span.bytes)
            #expect(lengthened != plain, "length \(length)")
            for place in 0..<length {
                bytes[place] ^= 1
                seen.insert(StableHash.of(bytes.span.bytes))
                bytes[place] ^= 1
                count += 1
            }
        }
        #expect(seen.count == count, "seed \(seed)")
    }

    @Test("the hash of text is the hash of its bytes, today and tomorrow")
    func text() {
        let bytes = Array("mesh/модель".utf8)
        let plain = StableHash.of(bytes.span.bytes)
        #expect(StableHash.of(utf8: "mesh/модель") == plain)
        // Ring hashes of two processes must agree: these values may never change.
        #expect(StableHash.of(utf8: "") == 0)
        #expect(StableHash.mix(1) == 0x5692_161D_100B_05E5)
    }
}
