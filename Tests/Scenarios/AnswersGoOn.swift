// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// An answer that broke off goes on elsewhere, by being told what was said: no word is lost,
    /// none is said twice.
    static let answersGoOn = Scenario(
        "AnswersGoOn", "an answer that two servers wrote is not the one that one would have written"
    ) { random in
        try goingOn(prefill: "AssistantMessage", using: &random)
    } expect: { outcome in
        Expect.met(outcome, .answerCut, .answerReset)
            + Expect.most(outcome, end: .whole, percent: 95)
    }

    /// The same where servers cannot be told what was said, and say it again.
    static let answersBeginAnew = Scenario(
        "AnswersBeginAnew", "an answer that was begun anew repeats what was said"
    ) { random in
        try goingOn(prefill: "None", using: &random)
    } expect: { outcome in
        Expect.met(outcome, .answerCut, .answerReset)
            + Expect.most(outcome, end: .whole, percent: 95)
    }

    private static func goingOn(
        prefill: String, using random: inout SplitMix64
    ) throws -> Stage {
        var habits = ServerHabits()
        habits.cutPermille = 120
        habits.resetPermille = 120
        habits.stallPermille = 60
        habits.statusPermille = 50
        var mesh = MeshSketch(endpoints: 3, fallback: 2)
        mesh.prefill = prefill
        mesh.defaults = [
            "continuation: {attempts: 5}", "timeouts: {streamIdle: 300ms, firstByte: 2s}",
            "retry: {attempts: 4, budget: {percent: 1000, minPerSecond: 1000}}",
            "outlierDetection: {consecutiveFailures: 0}",
        ]
        var stage = Stage(mesh, habits: habits)
        stage.options.isDeterministic = true
        stage.options.serverNetwork = .rough(.microseconds(200))
        stage.options.callers.usagePermille = 300
        stage.fill(60, every: .milliseconds(12), tokens: 3...40, using: &random)
        return stage
    }
}
