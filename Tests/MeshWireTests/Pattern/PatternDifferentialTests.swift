// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import Testing

@testable import MeshWire

/// Random patterns over few letters and random texts for them.
private struct RandomPattern {
    var random: SplitMix64
    /// Whether groups that may be empty are repeated without bound: matchers that go back take
    /// exponential time for them.
    var hasHardLoops: Bool

    init(seed: UInt64, hasHardLoops: Bool) {
        random = SplitMix64(seed: seed)
        self.hasHardLoops = hasHardLoops
    }

    mutating func pick(_ choices: [String]) -> String { choices[random.below(choices.count)] }

    /// A pattern with at most `depth` levels of groups.
    mutating func pattern(depth: Int) -> String {
        var text = ""
        for _ in 0..<random.below(4) {
            switch random.below(depth > 0 ? 10 : 6) {
            case 0, 1: text += pick(["a", "b", "c"]) + loop(isHard: false)
            case 2, 3:
                text += pick(["[ab]", "[^a]", "[a-c]", "[^b-c]", "\\d"]) + loop(isHard: false)
            case 4: text += "." + loop(isHard: false)
            case 5: text += pick(["^", "$"])
            case 6: text += "(" + pattern(depth: depth - 1) + ")" + loop(isHard: true)
            case 7: text += "(?:" + pattern(depth: depth - 1) + ")" + loop(isHard: true)
            case 8:
                text += pick(["(ab|c)", "(a|b)", "(a|ab)", "(aa|b)"]) + pick(["*", "+", "{2}"])
            default:
                text += "(" + pattern(depth: depth - 1) + "|"
                text += pattern(depth: depth - 1) + ")" + loop(isHard: true)
            }
        }
        return text
    }

    mutating func loop(isHard: Bool) -> String {
        guard random.below(3) == 0 else { return "" }
        if isHard, !hasHardLoops { return pick(["?", "??", "{2}", "{0,2}"]) }
        return pick(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "+?", "??"])
    }

    mutating func text() -> String {
        var text = ""
        for _ in 0..<random.below(8) { text += pick(["a", "b", "c", "1", "é"]) }
        return text
    }
}

/// Where matches of `node` that begin at one of `starts` can end: sets of places, no automaton.
private func ends(_ node: PatternNode, _ text: [UInt32], from starts: Set<Int>) -> Set<Int> {
    switch node {
    case .empty: return starts
    case .one(let set):
        return Set(starts.filter { $0 < text.count && set.contains(text[$0]) }.map { $0 + 1 })
    case .start: return starts.intersection([0])
    case .end: return starts.intersection([text.count])
    case .sequence(let parts): return parts.reduce(starts) { ends($1, text, from: $0) }
    case .either(let branches):
        return branches.reduce(into: []) { $0.formUnion(ends($1, text, from: starts)) }
    case .repeated(let body, let least, let most):
        var places = starts
        for _ in 0..<least { places = ends(body, text, from: places) }
        var all = places
        // One more round than there are places adds nothing.
        for _ in 0..<(most.map { $0 - least } ?? text.count + 1) {
            places = ends(body, text, from: places)
            all.formUnion(places)
        }
        return all
    }
}

@Suite("Linear patterns against other matchers")
struct PatternDifferentialTests {
    @Test("random patterns are judged as sets of places judge them, by table and by threads")
    func places() throws {
        var matched = 0
        var judged = 0
        for seed in 0..<3000 as Range<UInt64> {
            var generator = RandomPattern(seed: seed, hasHardLoops: true)
            let text = generator.pattern(depth: 3)
            let tree = try PatternParser.parse(text)
            let compiled = try LinearPattern(text)
            let threads = try PatternMachine(tree, table: false)
            for _ in 0..<8 {
                let subject = generator.text()
                let scalars = subject.unicodeScalars.map(\.value)
                let bytes = Array(subject.utf8)
                let expected = ends(tree, scalars, from: [0]).contains(scalars.count)
                let found = compiled.matchesWhole(bytes.span.bytes)
                var steps = 0
                let slow = threads.matches(bytes.span.bytes, steps: &steps)
                #expect(found == expected, "seed \(seed) \(text) on \(subject)")
                #expect(slow == expected, "seed \(seed) \(text) on \(subject)")
                let isInside = !ends(tree, scalars, from: Set(0...scalars.count)).isEmpty
                let inside = compiled.contains(bytes.span.bytes)
                #expect(inside == isInside, "seed \(seed) \(text) in \(subject)")
                judged += 1
                if expected { matched += 1 }
            }
        }
        #expect(matched > judged / 50 && matched < judged / 2)
    }

    @Test("random patterns are judged as Foundation judges them")
    func foundation() throws {
        var matched = 0
        for seed in 0..<2000 as Range<UInt64> {
            var generator = RandomPattern(seed: seed, hasHardLoops: false)
            let text = "a?" + generator.pattern(depth: 2)
            let other = try NSRegularExpression(pattern: "\\A(?:" + text + ")\\z")
            let anywhere = try NSRegularExpression(pattern: text)
            let compiled = try LinearPattern(text)
            for _ in 0..<6 {
                let subject = generator.text()
                let all = NSRange(subject.startIndex..., in: subject)
                let bytes = Array(subject.utf8)
                let expected = other.firstMatch(in: subject, range: all) != nil
                let found = compiled.matchesWhole(bytes.span.bytes)
                #expect(found == expected, "seed \(seed) \(text) on \(subject)")
                let isInside = anywhere.firstMatch(in: subject, range: all) != nil
                let inside = compiled.contains(bytes.span.bytes)
                #expect(inside == isInside, "seed \(seed) \(text) in \(subject)")
                if expected { matched += 1 }
            }
        }
        #expect(matched > 200)
    }

    @Test("random bytes as patterns are taken or refused, and never trap")
    func fuzz() {
        let alphabet = Array("ab(|)*+?{},[]^$\\.-:?<>P=!iswdxQE0129é".unicodeScalars)
        var taken = 0
        for seed in 0..<10_000 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            var text = ""
            for _ in 0..<random.below(12) {
                text.unicodeScalars.append(alphabet[random.below(alphabet.count)])
            }
            guard let compiled = try? LinearPattern(text) else { continue }
            taken += 1
            let bytes = Array(text.utf8)
            _ = compiled.matchesWhole(bytes.span.bytes)
        }
        #expect(taken > 1000)
    }
}
