// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Writes the answer of a model that does not exist: pleasant, and the same every time.
package enum Prose {
    /// The longest echo of a prompt, in words.
    static let echoWordsMax = 6
    /// The longest word that is echoed, in characters.
    static let echoWordCharactersMax = 24

    /// The pieces of an answer of at least `tokens` tokens.
    ///
    /// **Shape**: `prompt` is what the person said last; a few of its words are echoed. With
    /// `exactly` the answer is cut at `tokens`, otherwise it runs to the end of its sentence.
    package static func pieces(
        model: String, prompt: String, tokens: Int, exactly: Bool, seed: UInt64
    ) -> [String] {
        var random = SplitMix64(seed: seed).split("prose")
        var pieces = Tokenizer.pieces(of: opening(model: model, prompt: prompt))
        while pieces.count < tokens {
            pieces += Tokenizer.pieces(of: " " + sentence(using: &random))
        }
        if exactly, pieces.count > tokens { pieces.removeLast(pieces.count - tokens) }
        return pieces
    }

    /// A few words of `prompt`, on one line.
    package static func echo(of prompt: String) -> String {
        // Only the beginning is looked at, so that a long prompt costs no more than a short one.
        let start = prompt.prefix(echoWordsMax * (echoWordCharactersMax + 1) * 2)
        let words = start.split(whereSeparator: \.isWhitespace).prefix(echoWordsMax)
        let shortened = words.map { $0.prefix(echoWordCharactersMax) }
        return shortened.joined(separator: " ").filter { $0 != "\"" }
    }

    private static func opening(model: String, prompt: String) -> String {
        let words = echo(of: prompt)
        if words.isEmpty { return "This is \(model), a simulated model." }
        return "This is \(model), a simulated model. You said \"\(words)\"."
    }

    private static func sentence(using random: inout SplitMix64) -> String {
        let subject = "the \(pick(adjectives, &random)) \(pick(nouns, &random))"
        let object = "a \(pick(nouns, &random))"
        let verb = pick(verbs, &random)
        let place = pick(places, &random)
        let whole =
            switch random.below(4) {
            case 0: "\(place), \(subject) \(verb) \(object)."
            case 1: "\(subject) \(verb) \(object) \(place)."
            case 2: "when \(subject) \(verb) \(object), nobody minds."
            default: "\(subject) \(verb) \(object), and so the day turns."
            }
        return whole.prefix(1).uppercased() + whole.dropFirst()
    }

    private static func pick(_ words: [String], _ random: inout SplitMix64) -> String {
        words[random.below(words.count)]
    }

    private static let adjectives = [
        "quiet", "patient", "bright", "small", "brass", "careful", "wandering", "early", "north",
        "gentle", "curious", "steady", "silver", "late", "hollow", "warm",
    ]
    private static let nouns = [
        "river", "gear", "lantern", "harbour", "clock", "garden", "bridge", "kettle", "orchard",
        "compass", "letter", "wheel", "morning", "tower", "sparrow", "tide",
    ]
    private static let verbs = [
        "follows", "remembers", "repairs", "carries", "measures", "answers", "turns", "greets",
        "finds", "waits for", "draws", "borrows",
    ]
    private static let places = [
        "by the old mill", "under a wide sky", "at the edge of town", "before the rain",
        "between two hills", "in the long afternoon", "near the water", "after dark",
    ]
}
