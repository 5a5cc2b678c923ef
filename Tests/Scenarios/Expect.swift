// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

/// What scenarios expect of an outcome, each as a list of what is wrong.
enum Expect {
    /// Each of `count` requests ended as `ending`.
    static func all(
        _ outcome: Outcome, end ending: RequestObservation.Ending, of count: Int
    ) -> [String] {
        let found = outcome.count(ending)
        let sum = outcome.endings.reduce(0, +)
        if found == count, sum == count { return [] }
        return ["\(found) of \(sum) requests ended \(ending), not all \(count): " + codes(outcome)]
    }

    /// At least `percent` of the requests ended as `ending`.
    static func most(
        _ outcome: Outcome, end ending: RequestObservation.Ending, percent: Int
    ) -> [String] {
        let sum = outcome.endings.reduce(0, +)
        let found = outcome.count(ending)
        if found * 100 >= sum * percent { return [] }
        return ["only \(found) of \(sum) requests ended \(ending): " + codes(outcome)]
    }

    /// Some request ended as `ending`.
    static func some(
        _ outcome: Outcome, end ending: RequestObservation.Ending
    ) -> [String] {
        outcome.count(ending) > 0 ? [] : ["no request ended \(ending)"]
    }

    /// No more than `count` requests ended as `ending`.
    static func atMost(
        _ outcome: Outcome, end ending: RequestObservation.Ending, count: Int
    ) -> [String] {
        let found = outcome.count(ending)
        return found <= count ? [] : ["\(found) requests ended \(ending): " + codes(outcome)]
    }

    /// Of the faults that the scenario is about, at least one was really injected.
    static func met(_ outcome: Outcome, _ kinds: FaultKind...) -> [String] {
        if kinds.contains(where: { outcome.faults[$0] > 0 }) { return [] }
        return ["none of the faults \(kinds) happened"]
    }

    /// Each of the faults that the scenario is about was really injected.
    static func metAll(_ outcome: Outcome, _ kinds: FaultKind...) -> [String] {
        kinds.filter { outcome.faults[$0] == 0 }.map { "the fault \($0) did not happen" }
    }

    /// None was.
    static func noFaults(_ outcome: Outcome) -> [String] {
        outcome.faults.distinct.map { "the fault \($0) happened" }
    }

    private static func codes(_ outcome: Outcome) -> String {
        outcome.codes.map { "\($0.code.isEmpty ? "ok" : $0.code) \($0.count)" }
            .joined(separator: ", ")
    }
}
