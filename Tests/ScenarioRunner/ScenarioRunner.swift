// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshSimulator
import Scenarios

/// Plays scenarios for as long as it is told to, and says what it found.
///
/// ```
/// scenarios                         every scenario with a few seeds
/// scenarios SECONDS=600             seed after seed until the time is over
/// scenarios SCENARIO=RetryStorm SEED=1234
/// scenarios CAPACITY=60             16 servers, 50 requests a second: what does a world cost?
/// scenarios PLANT=forgetsSettlement SCENARIO=LimitsUnderFailover    is a mistake found?
/// scenarios EACH=1 SCENARIO=QuietDay SEED=1     fails every upstream operation in turn
/// ```
@main
struct ScenarioRunner {
    private var wishes: Wishes
    private var tally = Tally()

    static func main() {
        do {
            var runner = ScenarioRunner(wishes: try Wishes(CommandLine.arguments.dropFirst()))
            exit(try runner.run() ? 0 : 1)
        } catch {
            FileHandle.standardError.write(Data("scenarios: \(error)\n".utf8))
            exit(2)
        }
    }

    private init(wishes: Wishes) { self.wishes = wishes }

    private mutating func run() throws -> Bool {
        if let seconds = wishes.capacity { return try CapacityRun.run(seconds: seconds) }
        if wishes.failsEach { return try runEach() }
        let began = Date()
        var seed = wishes.firstSeed
        repeat {
            for scenario in wishes.scenarios {
                let (plant, operation) = (wishes.plant, wishes.operation)
                let play = try Play.run(scenario, seed: seed) { options in
                    options.sabotage = plant
                    options.failOperation = operation
                }
                report(play, scenario)
            }
            seed &+= 1
            if let seconds = wishes.seconds {
                if -began.timeIntervalSinceNow >= seconds { break }
            } else if seed >= wishes.firstSeed &+ wishes.seeds {
                break
            }
        } while tally.failures < Self.failuresMax
        summarise(seconds: -began.timeIntervalSinceNow)
        return tally.failures == 0
    }

    /// Failures after which a run stops.
    private static let failuresMax = 20

    private mutating func report(_ play: Play, _ scenario: Scenario) {
        tally.add(play)
        if wishes.printsDigests {
            print(
                "\(play.scenario) seed \(play.seed) digest \(hexadecimal(play.outcome.digest))")
        } else if !play.complaints.isEmpty {
            print("\(play.scenario), seed \(play.seed): \(scenario.fear)")
            for complaint in play.complaints.prefix(4) { print("    \(complaint)") }
            let plant = wishes.plant.map { " PLANT=\($0.rawValue)" } ?? ""
            let operation = wishes.operation.map { " OPERATION=\($0)" } ?? ""
            print("  again: \(play.command)\(plant)\(operation)")
        } else if wishes.isSingle {
            describe(play)
        }
    }

    private func describe(_ play: Play) {
        let outcome = play.outcome
        print("\(play.scenario), seed \(play.seed): all is well")
        print(
            "  \(outcome.records) records, \(outcome.events) events, "
                + "\(outcome.operations) operations towards servers")
        let endings = RequestObservation.Ending.allCases.filter { outcome.count($0) > 0 }
            .map { "\($0) \(outcome.count($0))" }
        print("  callers: \(endings.joined(separator: ", "))")
        let codes = outcome.codes.map { "\($0.code.isEmpty ? "ok" : $0.code) \($0.count)" }
        print("  records: \(codes.joined(separator: ", "))")
        print("  faults: \(faults(outcome.faults))")
        print("  digest \(hexadecimal(outcome.digest))")
    }

    private func summarise(seconds: Double) {
        guard !wishes.printsDigests else { return }
        print(
            "\(tally.plays) plays of \(wishes.scenarios.count) scenarios, seeds "
                + "\(tally.firstSeed) to \(tally.lastSeed), in \(rounded(seconds)) s "
                + "(\(rounded(Double(tally.events) / seconds / 1000)) thousand events a second)")
        print(
            "\(tally.requests) exchanges, \(tally.replays) of them decided again to the bit; "
                + "\(tally.faults.distinct.count) kinds of fault injected: \(faults(tally.faults))")
        print("digest of all \(hexadecimal(tally.digest))")
        print(tally.failures == 0 ? "no promise was broken" : "\(tally.failures) plays FAILED")
    }

    private mutating func runEach() throws -> Bool {
        var isGood = true
        for scenario in wishes.scenarios {
            let (plays, bad, _) = try Play.failingEach(of: scenario, seed: wishes.firstSeed)
            print("\(scenario.name): \(plays) operations failed one by one, \(bad.count) bad")
            for (operation, play) in bad.prefix(5) {
                isGood = false
                print("    operation \(operation): \(play.complaints.first ?? "")")
                print("      again: \(play.command) OPERATION=\(operation)")
            }
        }
        return isGood
    }

    private func faults(_ counts: FaultCounts) -> String {
        let list = counts.distinct.map { "\($0) \(counts[$0])" }
        return list.isEmpty ? "none" : list.joined(separator: ", ")
    }

    private func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private func rounded(_ number: Double) -> String { String(format: "%.1f", number) }
}

/// Totals over all plays.
private struct Tally {
    var plays = 0
    var failures = 0
    var requests = 0
    var replays = 0
    var events: UInt64 = 0
    var faults = FaultCounts()
    var firstSeed: UInt64 = 0
    var lastSeed: UInt64 = 0
    var digest: UInt64 = 0

    mutating func add(_ play: Play) {
        if plays == 0 { firstSeed = play.seed }
        lastSeed = play.seed
        plays += 1
        requests += play.outcome.records
        replays += play.outcome.replays
        events += play.outcome.events
        faults.add(play.outcome.faults)
        digest = digest &* 0x9E37_79B9_7F4A_7C15 &+ play.outcome.digest
        if !play.complaints.isEmpty { failures += 1 }
    }
}
