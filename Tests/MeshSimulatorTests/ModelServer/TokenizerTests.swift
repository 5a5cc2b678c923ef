// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator
import Testing

struct TokenizerTests {
    static let prose = """
        The quiet river follows a lantern. Überall größere Wörter, 漢字と仮名, and 🦊 too;
        incomprehensibilities — 1234567890 tokens?!
        """

    @Test("the pieces joined are the text again")
    func joined() {
        #expect(Tokenizer.pieces(of: Self.prose).joined() == Self.prose)
        #expect(Tokenizer.pieces(of: "") == [])
        #expect(Tokenizer.pieces(of: " ") == [" "])
        #expect(Tokenizer.tokens(of: Self.prose).count == Tokenizer.pieces(of: Self.prose).count)
    }

    @Test("random bytes are covered without gaps", arguments: 1...20 as ClosedRange<UInt64>)
    func covering(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let bytes = (0..<random.below(400)).map { _ in UInt8(random.below(256)) }
        var end = 0
        for range in Tokenizer.ranges(of: bytes) {
            #expect(range.start == end, "seed \(seed)")
            #expect(range.count > 0, "seed \(seed)")
            end = range.end
        }
        #expect(end == bytes.count, "seed \(seed)")
    }

    @Test("English costs about a token for four to five bytes")
    func size() {
        let pieces = Prose.pieces(
            model: "m", prompt: "hello", tokens: 500, exactly: true, seed: 4)
        let bytes = pieces.reduce(0) { $0 + $1.utf8.count }
        #expect(pieces.count == 500)
        #expect(bytes > 1700 && bytes < 2500)
    }

    @Test("block hashes agree as far as the tokens do")
    func blocks() {
        let tokens = (0..<100).map { UInt32($0) }
        var other = tokens
        other[40] = 7
        let first = TokenBlocks.hashes(of: tokens)
        let second = TokenBlocks.hashes(of: other)
        #expect(first.count == 6)
        #expect(first[..<2] == second[..<2])
        for block in 2..<6 { #expect(first[block] != second[block]) }
        #expect(TokenBlocks.hashes(of: tokens, salt: 1)[0] != first[0])
    }
}

struct ProseTests {
    @Test("an answer names the model, echoes the prompt and is the same every time")
    func answer() {
        let pieces = Prose.pieces(
            model: "tiny-1", prompt: "why is the sky blue on Mondays, please?", tokens: 60,
            exactly: false, seed: 9)
        let text = pieces.joined()
        #expect(text.contains("tiny-1"))
        #expect(text.contains("why is the sky blue on"))
        #expect(text.hasSuffix("."))
        #expect(pieces.count >= 60)
        #expect(
            pieces
                == Prose.pieces(
                    model: "tiny-1", prompt: "why is the sky blue on Mondays, please?",
                    tokens: 60, exactly: false, seed: 9))
    }

    @Test("an exact answer has exactly its tokens")
    func exact() {
        for count in [0, 1, 7, 300] {
            let pieces = Prose.pieces(
                model: "m", prompt: "", tokens: count, exactly: true, seed: 1)
            #expect(pieces.count == count)
        }
    }
}
