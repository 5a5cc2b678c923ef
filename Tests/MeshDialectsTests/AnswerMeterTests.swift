// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshWire
import Testing

@Suite("Usage of an answer that is one document")
struct AnswerMeterTests {
    private func usage(_ document: [UInt8], cuts: [Int], isLastSaid: Bool) -> TokenUsage? {
        var meter = AnswerMeter()
        let edges = [0] + cuts.sorted() + [document.count]
        for i in 1..<edges.count {
            let isLast = isLastSaid && i == edges.count - 1
            meter.observe(document.span.bytes.extracting(edges[i - 1]..<edges[i]), isLast: isLast)
        }
        meter.finish()
        meter.finish()
        return meter.usage
    }

    private func document(textBytes: Int) -> [UInt8] {
        let filler = String(repeating: "tokens and \\\"usage\\\": ", count: textBytes / 23 + 1)
        return Array(
            (#"{"id":"x","choices":[{"message":{"content":"\#(filler)"}}],"#
                + #""usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}}"#).utf8)
    }

    @Test("a small answer gives its usage at every one place it may be cut")
    func everyCut() {
        let whole = document(textBytes: 40)
        let expected = TokenUsage(input: 11, output: 7)
        for cut in 0...whole.count {
            for said in [true, false] {
                #expect(usage(whole, cuts: [cut], isLastSaid: said) == expected, "cut \(cut)")
            }
        }
        #expect(usage(whole, cuts: [], isLastSaid: true) == expected)
        #expect(usage(whole, cuts: Array(1..<whole.count), isLastSaid: false) == expected)
    }

    @Test("a large answer gives its usage in pieces of any size", arguments: [1, 7, 4096, 9000])
    func largeAnswers(size: Int) {
        let whole = document(textBytes: size == 1 ? 9000 : 100_000)
        let cuts = Array(stride(from: size, to: whole.count, by: size))
        #expect(usage(whole, cuts: cuts, isLastSaid: false) == TokenUsage(input: 11, output: 7))
        #expect(usage(whole, cuts: cuts, isLastSaid: true) == TokenUsage(input: 11, output: 7))
    }

    @Test("the last bytes are kept while earlier ones are dropped, a byte at a time")
    func sliding() {
        // A little over the bound, so that the drop falls into the usage itself.
        for extra in [1, 20, 40, 60] {
            let plain = document(textBytes: 0)
            let missing = AnswerMeter.tailBytesMax + extra - plain.count
            let whole = [UInt8](repeating: 0x20, count: missing) + plain
            for size in [1, 5, 64] {
                let cuts = Array(stride(from: size, to: whole.count, by: size))
                #expect(
                    usage(whole, cuts: cuts, isLastSaid: false)
                        == TokenUsage(input: 11, output: 7), "\(extra) more, pieces of \(size)")
            }
        }
    }

    @Test("random cuts all give what one read gives")
    func randomCuts() {
        for seed in UInt64(801)..<UInt64(861) {
            var random = SplitMix64(seed: seed)
            let whole = document(textBytes: random.below(20_000))
            let cuts = (0..<random.below(12)).map { _ in random.below(whole.count + 1) }
            #expect(
                usage(whole, cuts: cuts, isLastSaid: random.below(2) == 0)
                    == TokenUsage(input: 11, output: 7), "seed \(seed)")
        }
    }

    @Test("an answer that is cut off, or has no usage, gives none")
    func none() {
        let whole = document(textBytes: 40)
        #expect(usage(Array(whole.dropLast()), cuts: [30], isLastSaid: false) == nil)
        let plain = Array(#"{"choices":[],"note":"\"usage\":{\"prompt_tokens\":1}"}"#.utf8)
        #expect(usage(plain, cuts: [9], isLastSaid: true) == nil)
        #expect(usage([], cuts: [], isLastSaid: true) == nil)
    }
}
