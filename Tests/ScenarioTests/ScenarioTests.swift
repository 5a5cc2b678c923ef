// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator
import Scenarios
import Testing

@Suite("Scenarios")
struct ScenarioTests {
    @Test("hold for a few seeds", arguments: Scenario.all.map(\.name))
    func smoke(name: String) throws {
        let scenario = try #require(Scenario.named(name))
        for seed in UInt64(1)...2 {
            let play = try Play.run(scenario, seed: seed)
            #expect(play.complaints == [], "\(scenario.fear); again with: \(play.command)")
        }
    }

    @Test("have names of their own")
    func names() {
        #expect(Set(Scenario.all.map(\.name)).count == Scenario.all.count)
        #expect(Scenario.all.count >= 24)
    }

    @Test("go the same way twice, in every detail")
    func unseed() throws {
        let names = ["RoughSea", "ReloadUnderLoad", "FlappingEndpoint", "PipelinedRequests"]
        for scenario in names.compactMap(Scenario.named) {
            let first = try Play.run(scenario, seed: 11).outcome.digest
            let second = try Play.run(scenario, seed: 11).outcome.digest
            #expect(first == second, "make sim TWICE=1 SCENARIO=\(scenario.name) SEED=11")
        }
    }

    @Test("survive the failure of any one operation", arguments: ["QuietDay", "DoneMissing"])
    func nthFailure(name: String) throws {
        let scenario = try #require(Scenario.named(name))
        let (plays, bad, faults) = try Play.failingEach(of: scenario, seed: 5, atMost: 40)
        #expect(plays == 40 && faults[.chosenOperation] == 40)
        for (operation, play) in bad {
            Issue.record(
                "\(play.complaints); again with: \(play.command) OPERATION=\(operation)")
        }
    }
}
