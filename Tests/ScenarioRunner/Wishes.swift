// SPDX-License-Identifier: Apache-2.0

import MeshSimulator
import Scenarios

/// What a run was asked for, as `NAME=value` words.
struct Wishes {
    /// The scenarios to play.
    var scenarios = Scenario.all
    /// The first seed.
    var firstSeed: UInt64 = 1
    /// How many seeds, when no time is given.
    var seeds: UInt64 = 20
    /// How long, in seconds.
    var seconds: Double?
    /// Whether one play is looked at closely.
    var isSingle = false
    /// Whether each play's digest is printed, and nothing else.
    var printsDigests = false
    /// Simulated seconds of the capacity run, when one is asked for.
    var capacity: UInt64?
    /// Whether every operation towards a server fails in turn.
    var failsEach = false

    /// The one operation towards a server that fails, or nil.
    var operation: Int?
    /// A mistake that the driver makes on purpose, to see it caught.
    var plant: Sabotage?

    /// The wishes that `words` say.
    ///
    /// **Errors** an unknown name or scenario, a value that is no number.
    init(_ words: some Sequence<String>) throws(WishFault) {
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? String(parts[1]) : ""
            if value.isEmpty { continue }
            switch parts[0] {
            case "SCENARIO":
                guard let scenario = Scenario.named(value) else {
                    let names = Scenario.all.map(\.name).joined(separator: ", ")
                    throw WishFault("there is no scenario \(value); there are \(names)")
                }
                scenarios = [scenario]
            case "SEED":
                firstSeed = try Self.number(value, word)
                seeds = 1
                isSingle = true
            case "SEEDS": seeds = try Self.number(value, word)
            case "SECONDS":
                seconds = Double(try Self.number(value, word))
                firstSeed = max(firstSeed, 1)
            case "DIGESTS": printsDigests = value != "0"
            case "CAPACITY": capacity = try Self.number(value, word)
            case "EACH": failsEach = value != "0"
            case "OPERATION": operation = Int(try Self.number(value, word))
            case "PLANT":
                guard let sabotage = Sabotage(rawValue: value) else {
                    let names = Sabotage.allCases.map(\.rawValue).joined(separator: ", ")
                    throw WishFault("there is no mistake \(value) to plant; there are \(names)")
                }
                plant = sabotage
            default:
                throw WishFault(
                    "\(parts[0]) is not known: SECONDS, SEEDS, SCENARIO, SEED, EACH, CAPACITY, "
                        + "DIGESTS, OPERATION, PLANT")
            }
        }
    }

    private static func number(_ value: String, _ word: String) throws(WishFault) -> UInt64 {
        guard let number = UInt64(value) else { throw WishFault("\(word): not a whole number") }
        return number
    }
}

/// What cannot be granted.
struct WishFault: Error, CustomStringConvertible {
    /// Why.
    let description: String

    /// A fault that says `description`.
    init(_ description: String) { self.description = description }
}
