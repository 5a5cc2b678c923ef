// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator
import Scenarios
import Testing

/// A checker that finds nothing is worth nothing: each mistake that the driver can be told to
/// make must be found, by the checker whose business it is.
@Suite("Planted mistakes")
struct SabotageTests {
    /// A mistake, where it shows, and the rule that must name it.
    struct Plant: Sendable, CustomTestStringConvertible {
        var sabotage: Sabotage
        var scenario: String
        var rule: String
        var testDescription: String { sabotage.rawValue }
    }

    static let plants = [
        Plant(
            sabotage: .forgetsCallerLeft, scenario: "CallerLeavesEarly",
            rule: "attempts are settled"),
        Plant(
            sabotage: .takesBreakForEnd, scenario: "UpstreamDiesMidStream",
            rule: "a cut answer never looks whole"),
        Plant(
            sabotage: .repeatsBytes, scenario: "ReloadTakesModelAway",
            rule: "bytes pass unchanged"),
        Plant(sabotage: .ignoresSlowReader, scenario: "SlowReader", rule: "bounds hold"),
        Plant(sabotage: .recordsTwice, scenario: "QuietDay", rule: "one record each"),
        Plant(sabotage: .forgetsDeadlines, scenario: "StalledStream", rule: "deadlines hold"),
        Plant(
            sabotage: .ignoresPick, scenario: "ReloadUnderLoad", rule: "only allowed endpoints"),
        Plant(
            sabotage: .forgetsSettlement, scenario: "LimitsUnderFailover",
            rule: "reservations are settled"),
        Plant(
            sabotage: .forgesRecordings, scenario: "QuietDay", rule: "decisions can be replayed"),
        Plant(
            sabotage: .losesLabels, scenario: "DataLeavesItsRegion", rule: "labelled data stays"),
        Plant(
            sabotage: .forgesReceipts, scenario: "DataLeavesItsRegion",
            rule: "receipts tell where data went"),
        Plant(sabotage: .adoptsBackwards, scenario: "ReloadUnderLoad", rule: "versions rise"),
    ]

    @Test("are found by a checker, and a seed shows them again", arguments: plants)
    func found(plant: Plant) throws {
        let scenario = try #require(Scenario.named(plant.scenario))
        var found: Play?
        for seed in UInt64(1)...8 where found == nil {
            let play = try Play.run(scenario, seed: seed) { $0.sabotage = plant.sabotage }
            if !play.outcome.breaches.isEmpty { found = play }
        }
        let play = try #require(found, "nobody noticed")
        #expect(play.outcome.breaches.first?.rule == plant.rule)
        let again = try Play.run(scenario, seed: play.seed) { $0.sabotage = plant.sabotage }
        #expect(again.complaints == play.complaints)
        #expect(try Play.run(scenario, seed: play.seed).complaints == [], "it is not the plant")
    }

    @Test("are all planted")
    func complete() {
        #expect(Set(Self.plants.map(\.sabotage)) == Set(Sabotage.allCases))
    }
}
