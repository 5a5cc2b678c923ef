// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What one inference engine on one kind of machine costs, in coefficients of its step time.
///
/// A step of continuous batching takes
///
///     base + chunk * (1 / R - base / chunkMax) + pairs * attention
///          + running * perSequence + context * perContextToken
///
/// where `chunk` is the count of prompt tokens computed in the step, `pairs` the sum of
/// (new token x token looked back at), `running` the count of sequences that decode and `context`
/// the tokens they look back at together. The middle term is written so that a full chunk runs at
/// exactly `R` tokens a second: the base is paid once, not twice.
///
/// **Source**: decode coefficients from the BLIS regression, prefill from the roofline of each
/// card; memory is 0.9 of the card less weights and activations.
package struct EngineProfile: Hashable, Sendable {
    /// The name an operator types.
    package var name: String
    /// Time between the arrival of a job and the moment the scheduler sees it.
    package var frontEnd = Nanoseconds.zero
    /// The part of a step that does not depend on the batch.
    package var stepBase: Nanoseconds
    /// What each decoding sequence adds to a step.
    package var perSequence = Nanoseconds(4400)
    /// Nanoseconds that each token of decoding context adds to a step.
    package var perContextToken: Double
    /// Prompt tokens a second in full chunks, `R` above.
    package var prefillTokensPerSecond: Int
    /// Nanoseconds for each pair of a new prompt token and a token it looks back at.
    package var perAttentionPair: Double
    /// Tokens whose keys and values fit in memory at once.
    package var cacheTokens: Int
    /// The longest prompt and answer together.
    package var contextTokensMax = 131_072
    /// The most tokens computed in one step.
    package var batchedTokensMax = 8192
    /// The most sequences in the batch.
    package var sequencesMax = 256
    /// The most jobs that wait; one more is refused.
    package var waitingMax = 1024
    /// Tokens in a block of the cache.
    package var blockTokens = 16
    /// How far a step may differ from its expected time, in thousandths either way.
    package var jitterPermille = 0

    /// Blocks of the cache.
    package var blocks: Int { cacheTokens / blockTokens }

    /// How long a step takes, before jitter.
    ///
    /// **Shape**: `chunk` prompt tokens, `pairs` as in the type's formula, `running` sequences
    /// that decode over `context` tokens.
    package func stepTime(chunk: Int, pairs: Double, running: Int, context: Int) -> Nanoseconds {
        var time = Double(stepBase.rawValue)
        let spread = Double(stepBase.rawValue) / Double(batchedTokensMax)
        let perPromptToken = 1e9 / Double(prefillTokensPerSecond) - spread
        time += Double(chunk) * Swift.max(0, perPromptToken)
        time += pairs * perAttentionPair
        time += Double(running) * Double(perSequence.rawValue)
        time += Double(context) * perContextToken
        return Nanoseconds(Int64(time.rounded()))
    }
}

extension EngineProfile {
    /// Every profile that `named(_:)` knows, in the order they are listed to people.
    package static var all: [EngineProfile] {
        [
            instant, small,
            card("h100-8b", 6_830, 76, 27_000, 1.18, 421_008),
            card("a100-8b", 10_500, 125, 9_500, 3.5, 421_000),
            card("l40s-8b", 23_200, 295, 7_200, 5, 185_000),
            lowMemory,
            card("h100x2-32b", 15_700, 76, 20_480, 2.36, 307_328),
            card("h100x4-70b", 16_600, 47.6, 12_700, 1.47, 487_000),
            card("h100x8-70b", 9_660, 23.8, 23_000, 0.8, 1_420_000),
            card("a100x4-70b", 25_600, 78, 4_000, 5.5, 487_000),
            card("a100x8-70b", 14_100, 39, 8_000, 2.8, 1_420_000),
        ]
    }

    /// The profile of that name, or nil.
    package static func named(_ name: String) -> EngineProfile? {
        all.first { $0.name == name }
    }

    /// No time passes at all: for tests of the wire and for load on what lies in front.
    package static var instant: EngineProfile {
        EngineProfile(
            name: "instant", stepBase: .zero, perSequence: .zero, perContextToken: 0,
            prefillTokensPerSecond: .max, perAttentionPair: 0, cacheTokens: 1_048_576)
    }

    /// A small engine that looks alive at a terminal: the first token after about 40 ms, then
    /// about 50 tokens a second for each stream.
    package static var small: EngineProfile {
        EngineProfile(
            name: "small", frontEnd: .milliseconds(18), stepBase: .microseconds(19_500),
            perSequence: .microseconds(150), perContextToken: 120, prefillTokensPerSecond: 9_500,
            perAttentionPair: 3.5, cacheTokens: 65_536, contextTokensMax: 32_768,
            batchedTokensMax: 2048, sequencesMax: 64, waitingMax: 256, jitterPermille: 30)
    }

    /// An 8B model in half precision on a 24 GB card: little memory is left for the cache.
    private static var lowMemory: EngineProfile {
        var profile = card("l4-8b", 64_600, 851, 2_900, 11, 16_384)
        profile.contextTokensMax = 8192
        profile.batchedTokensMax = 2048
        profile.sequencesMax = 64
        return profile
    }

    private static func card(
        _ name: String, _ baseMicroseconds: Int64, _ perContextToken: Double, _ prefill: Int,
        _ perAttentionPair: Double, _ cacheTokens: Int
    ) -> EngineProfile {
        EngineProfile(
            name: name, stepBase: .microseconds(baseMicroseconds),
            perContextToken: perContextToken, prefillTokensPerSecond: prefill,
            perAttentionPair: perAttentionPair, cacheTokens: cacheTokens)
    }
}
