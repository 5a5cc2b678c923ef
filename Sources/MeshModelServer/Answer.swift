// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

/// One answer that is being told: all its pieces are known, time only reveals them.
///
/// Because the words are decided at the start, a slow reader costs no memory: what is revealed
/// is a number, and what was sent is another.
struct Answer {
    /// The pieces of text, one for each token; empty pieces stand for the tokens of a tool call.
    let pieces: [String]
    /// The tool that is called instead of text.
    let tool: String?
    /// The prompt it answers.
    let prompt: Int
    /// Pieces revealed so far.
    var revealed = 0
    /// Why it ended, in the words of the chat surface; nil while it goes on.
    var finish: String?
    /// Tokens it cost; nil while it goes on.
    var usage: EngineUsage?

    /// Tokens of a tool call.
    static let toolTokens = 8

    /// The whole text.
    var text: String { pieces[..<revealed].joined() }

    /// The answer number `choice` to prompt number `prompt` of `request`.
    init(to request: GenerationRequest, prompt: Int, choice: Int, tokens: Int?, seed: UInt64) {
        let asked = request.prompts[prompt]
        let promptHash = TokenBlocks.hashes(of: asked.tokens, blockTokens: 1).last ?? 0
        let salt = UInt64(bitPattern: Int64(request.seed &* 1000 &+ choice))
        let seed = StableHash.mix(seed ^ promptHash ^ StableHash.mix(salt))
        tool = request.tool
        self.prompt = prompt
        if request.tool != nil {
            pieces = Array(repeating: "", count: Self.toolTokens)
            return
        }
        var random = SplitMix64(seed: seed)
        // The bound is one on what is still to be said; the whole answer has what was said too.
        let said = Tokenizer.pieces(of: asked.said).count
        let bound = request.bound(demanded: tokens) + said
        var wanted = 24 + random.below(request.tokensMax == nil ? 25 : 96)
        if request.runsToBound { wanted = bound + 1 }
        if let tokens { wanted = tokens }
        // Nothing is written that the bound will cut, save one piece to show that it was cut.
        let pieces = Prose.pieces(
            model: request.model, prompt: asked.words, tokens: Swift.min(wanted, bound + 1),
            exactly: tokens != nil, seed: seed)
        self.pieces = Self.rest(of: Self.cut(pieces, before: request.stops), behind: asked.said)
    }

    /// `pieces` without those that make up `said`; all of them when it is no beginning of theirs.
    private static func rest(of pieces: [String], behind said: String) -> [String] {
        guard !said.isEmpty else { return pieces }
        var left = said[...]
        for (place, piece) in pieces.enumerated() {
            if left.isEmpty { return Array(pieces[place...]) }
            guard left.hasPrefix(piece) else { return pieces }
            left = left.dropFirst(piece.count)
        }
        return left.isEmpty ? [] : pieces
    }

    /// `pieces` up to the first of `stops` to appear.
    static func cut(_ pieces: [String], before stops: [String]) -> [String] {
        guard !stops.isEmpty else { return pieces }
        let text = Array(pieces.joined().utf8)
        let offsets = stops.compactMap { firstOffset(of: Array($0.utf8), in: text) }
        guard var left = offsets.min() else { return pieces }
        var kept: [String] = []
        for piece in pieces where left > 0 {
            let bytes = Array(piece.utf8.prefix(left))
            kept.append(String(decoding: bytes, as: UTF8.self))
            left -= bytes.count
        }
        return kept
    }

    private static func firstOffset(of needle: [UInt8], in text: [UInt8]) -> Int? {
        guard needle.count <= text.count else { return nil }
        return (0...text.count - needle.count).first { text[$0...].starts(with: needle) }
    }
}
