// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshSimulator

extension Scenario {
    /// Three times as many requests as the servers can answer: who is worth more is served, the
    /// others hear no at once, and nobody's wait is for nothing.
    static let threefoldOverload = Scenario(
        "ThreefoldOverload", "under overload everybody waits, and nobody is answered in time"
    ) { random in
        var stage = Stage(overloaded(byPolicy: true), profile: .eightSlots)
        stage.options.callers.patience = .seconds(2)
        stage.options.checkEvery = 7
        // One server answers about 50 of these in a second.
        stage.fill(
            1200, every: .microseconds(6_600), tokens: 20...30, streams: 200, using: &random)
        return stage
    } expect: { outcome in
        let urgent = outcome.requests.filter(\.item.stream)
        let served = urgent.filter { $0.ending == .whole }.count
        let lost = urgent.filter { $0.ending != .whole }
            .map { "\($0.startedAt) \($0.ending) after \($0.total)" }
        let refused = outcome.requests.filter { $0.ending == .refused }
        // An answer of no comes at once, or when the wait was over.
        let slowest = refused.map(\.total).max() ?? .zero
        return
            (served * 100 >= urgent.count * 97
            ? [] : ["only \(served) of \(urgent.count) urgent requests were answered: \(lost)"])
            + (refused.count > 200 ? [] : ["only \(refused.count) requests were refused"])
            + (slowest < .milliseconds(1_500) ? [] : ["a refusal took \(slowest)"])
            + (outcome.count(code: "overloaded") == refused.count ? [] : ["other refusals"])
    }

    /// One backend of one server, with an OverloadPolicy or without.
    package static func overloaded(byPolicy hasPolicy: Bool) -> MeshSketch {
        var mesh = MeshSketch(endpoints: 1)
        mesh.defaults = ["retry: {attempts: 1}"]
        guard hasPolicy else { return mesh }
        mesh.overload = [
            "queue: {length: 40, timeout: 1s, target: 200ms}",
            "priorities: [{name: urgent, priority: 10, when: ai.stream}]",
        ]
        return mesh
    }
}

extension EngineProfile {
    /// A quick engine that works on eight requests at once and lets any number wait.
    package static var eightSlots: EngineProfile {
        var profile = EngineProfile.quick
        profile.name = "eight-slots"
        profile.sequencesMax = 8
        profile.waitingMax = 100_000
        return profile
    }
}
