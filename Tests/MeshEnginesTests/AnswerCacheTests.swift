// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshSnapshot
import Testing

@Suite("Answers of engines that are kept")
struct AnswerCacheTests {
    private let yes = EngineAnswer(allows: true)
    private let no = EngineAnswer(allows: false, reason: "no")
    private func at(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    @Test("an answer is good until its time is over, and no longer")
    func lifetime() {
        var cache = AnswerCache(entriesMax: 4)
        cache.keep(yes, for: [1], until: at(10))
        #expect(cache.answer(for: [1], at: at(9)) == yes)
        #expect(cache.answer(for: [2], at: at(9)) == nil)
        #expect(cache.answer(for: [1], at: at(10)) == nil)
        #expect(cache.count == 0)
        cache.keep(yes, for: [1], until: at(10))
        cache.keep(no, for: [1], until: at(20))
        #expect(cache.answer(for: [1], at: at(15)) == no)
        #expect(cache.invariants() == nil)
    }

    @Test("the one that was used longest ago goes first")
    func order() {
        var cache = AnswerCache(entriesMax: 3)
        for key in UInt8(1)...3 { cache.keep(yes, for: [key], until: at(100)) }
        _ = cache.answer(for: [1], at: at(0))
        cache.keep(yes, for: [4], until: at(100))
        #expect(cache.answer(for: [2], at: at(0)) == nil)
        for key in [UInt8(1), 3, 4] { #expect(cache.answer(for: [key], at: at(0)) == yes) }
        #expect(cache.count == 3)
    }

    @Test("it is bounded in bytes too, and keeps nothing under a key that is too long")
    func bytesBound() {
        var cache = AnswerCache(entriesMax: .max)
        cache.keep(yes, for: [UInt8](repeating: 1, count: Limits.keyBytes + 1), until: at(1))
        #expect(cache.count == 0)
        let large = EngineAnswer(
            allows: true,
            requestEdits: [.set(name: [1], value: [UInt8](repeating: 0, count: 16_000))])
        for number in 0..<3_000 {
            cache.keep(large, for: bytes("\(number)"), until: at(1))
        }
        #expect(cache.count < 1_100 && cache.count > 900)
        #expect(cache.answer(for: bytes("2999"), at: at(0)) == large)
        #expect(cache.answer(for: bytes("0"), at: at(0)) == nil)
        #expect(cache.invariants() == nil)
    }

    @Test("any order of uses gives what a plain list gives", arguments: 1...20)
    func model(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        var cache = AnswerCache(entriesMax: 5)
        var list: [(key: [UInt8], answer: EngineAnswer, expires: Instant)] = []
        var now: UInt64 = 0
        for _ in 0..<2_000 {
            now += UInt64(random.below(3))
            let key = [UInt8(random.below(9))]
            if random.below(2) == 0 {
                let answer = random.below(2) == 0 ? yes : no
                let expires = at(now + UInt64(random.below(12)))
                cache.keep(answer, for: key, until: expires)
                list.removeAll { $0.key == key }
                if list.count == 5 { list.removeFirst() }
                list.append((key, answer, expires))
            } else {
                var wanted: EngineAnswer?
                if let index = list.firstIndex(where: { $0.key == key }) {
                    let entry = list.remove(at: index)
                    if entry.expires > at(now) {
                        wanted = entry.answer
                        list.append(entry)
                    }
                }
                #expect(cache.answer(for: key, at: at(now)) == wanted)
            }
            #expect(cache.count == list.count)
            if let wrong = cache.invariants() { Issue.record("\(wrong)") }
        }
    }
}
