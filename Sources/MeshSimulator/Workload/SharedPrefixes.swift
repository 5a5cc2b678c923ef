// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The beginnings that prompts of a workload share: system prompts, few-shot examples, documents.
package struct SharedPrefixes: Hashable, Sendable {
    /// How many there are.
    package var count: Int
    /// Tokens of each.
    package var tokens: Int
    /// How much more often the first are used: the nth has a share of n to the power of -skew.
    package var skew: Double

    /// Beginnings of the given kind.
    package init(count: Int, tokens: Int, skew: Double = 1) {
        self.count = count
        self.tokens = tokens
        self.skew = skew
    }
}

/// Picks shared prefixes and names the blocks of prompts.
///
/// The name of a block covers all before it: a block within the shared prefix is named after the
/// prefix, and one that reaches behind it after the conversation, whose text only ever grows.
struct PrefixNames: Sendable {
    /// Tokens that a name stands for.
    static let blockTokens = 16

    private let tokens: Int
    private let salt: UInt64
    /// Sums of the shares of the first prefixes, the last 1; empty when nothing is shared.
    private var sums: [Double] = []

    init(_ shared: SharedPrefixes?, salt: UInt64) {
        self.salt = salt
        guard let shared, shared.count > 0, shared.tokens > 0 else {
            tokens = 0
            return
        }
        tokens = shared.tokens
        var sum = 0.0
        for n in 1...shared.count {
            sum += Elementary.exp(-shared.skew * Elementary.ln(Double(n)))
            sums.append(sum)
        }
        for index in sums.indices { sums[index] /= sum }
    }

    /// Tokens that every prompt begins with.
    var sharedTokens: Int { tokens }

    /// The number of a prefix.
    func pick(using random: inout SplitMix64) -> Int {
        guard sums.count > 1 else { return 0 }
        let share = random.fraction()
        var (low, high) = (0, sums.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if sums[middle] <= share { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The names of the full blocks of a prompt of `promptTokens` that begins with `prefix` and
    /// goes on as `conversation`.
    func names(promptTokens: Int, prefix: Int, conversation: UInt64) -> [UInt64] {
        let blocks = promptTokens / Self.blockTokens
        let shared = Swift.min(blocks, tokens / Self.blockTokens)
        var names: [UInt64] = []
        names.reserveCapacity(blocks)
        let sharedKey = StableHash.mix(salt ^ StableHash.mix(UInt64(prefix) &+ 1))
        let ownKey = StableHash.mix(salt &+ 0x51) ^ StableHash.mix(conversation &+ 1)
        for block in 0..<blocks {
            let key = block < shared ? sharedKey : ownKey
            names.append(StableHash.mix(key &+ UInt64(block) &* 0x9E37_79B9_7F4A_7C15))
        }
        return names
    }
}
