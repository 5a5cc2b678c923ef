// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// A list of slots from which one is drawn by weight, at random or in turn.
///
/// Random draws use the alias method: every place has a share of its own and one other place
/// that gets the rest, so a draw looks at two places however many there are. All numbers are
/// whole, so the shares are exact.
///
/// **Source** Vose, "A Linear Algorithm for Generating Random Numbers with a Given Distribution",
/// 1991.
struct Sampler: Sendable {
    /// What is drawn.
    private(set) var slots: [Int32] = []
    /// The weights summed up to and with each place; empty when all are equal.
    private var sums: [Int64] = []
    /// Of `total` draws that hit a place, how many are its own.
    private var own: [Int64] = []
    /// Where the other draws of a place go.
    private var alias: [Int32] = []
    private var total: Int64 = 0
    private var stride: Int64 = 0

    /// Nothing to draw.
    init() {}

    /// A sampler of `slots` with their `weights`, which are above 0.
    ///
    /// **Complexity** O(n).
    init(slots: [Int32], weights: [Int32]) {
        self.slots = slots
        guard let first = weights.first, weights.contains(where: { $0 != first }) else { return }
        for weight in weights {
            total += Int64(weight)
            sums.append(total)
        }
        stride = Self.stride(for: total)
        fillAliases(weights)
    }

    /// Count of slots.
    var count: Int { slots.count }

    /// A place at random, by weight. There is at least one.
    @inline(__always)
    func place(using random: inout SplitMix64) -> Int {
        let place = random.below(slots.count)
        if own.isEmpty { return place }
        return Int64(random.below(Int(total))) < own[place] ? place : Int(alias[place])
    }

    /// A place at random other than `place`, or nil when a few draws found none.
    @inline(__always)
    func place(otherThan place: Int, using random: inout SplitMix64) -> Int? {
        if own.isEmpty {
            guard slots.count > 1 else { return nil }
            let other = random.below(slots.count &- 1)
            return other >= place ? other &+ 1 : other
        }
        for _ in 0..<Limits.redraws {
            let other = self.place(using: &random)
            if other != place { return other }
        }
        return nil
    }

    /// The place whose turn is the `turn`-th. Over as many turns as the sum of the weights each
    /// place comes exactly as often as its weight says, spread evenly.
    ///
    /// The turns visit the points `0 ..< total` in steps that share no factor with it and are
    /// close to the golden section; a place owns as many points as its weight.
    ///
    /// **Complexity** O(1), or O(log n) when weights differ.
    func place(atTurn turn: UInt64) -> Int {
        if sums.isEmpty { return Int(turn % UInt64(slots.count)) }
        let step = Int64(turn % UInt64(total))
        let point = Int64(
            (UInt64(step).multipliedFullWidth(by: UInt64(stride))).low % UInt64(total))
        var low = 0
        var high = sums.count - 1
        while low < high {
            let middle = (low + high) / 2
            if sums[middle] > point { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private mutating func fillAliases(_ weights: [Int32]) {
        let count = Int64(weights.count)
        own = weights.map { Int64($0) * count }
        alias = (0..<Int32(weights.count)).map { $0 }
        var small = own.indices.filter { own[$0] < total }
        var large = own.indices.filter { own[$0] >= total }
        while let less = small.popLast(), let more = large.last {
            alias[less] = Int32(more)
            own[more] -= total - own[less]
            if own[more] < total {
                large.removeLast()
                small.append(more)
            }
        }
    }

    private static func stride(for total: Int64) -> Int64 {
        var stride = max(1, Int64(Double(total) * 0.618_033_988_749_895))
        while greatestCommonDivisor(stride, total) != 1 { stride += 1 }
        return stride
    }

    private static func greatestCommonDivisor(_ a: Int64, _ b: Int64) -> Int64 {
        var (a, b) = (a, b)
        while b != 0 { (a, b) = (b, a % b) }
        return a
    }
}
