// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshSnapshot

extension Compiler {
    /// What a Rollout plans, or nil when something is wrong with it, which is reported.
    mutating func plan(
        of rollout: RolloutResource, _ target: PolicyTarget, _ sides: Sides
    ) -> RolloutPlan? {
        let metadata = rollout.metadata
        let known = report.diagnostics.count
        let percent = rollout.confidence?.value ?? 95_000_000
        if let confidence = rollout.confidence, percent < 50_000_000 {
            report.error(
                confidence.place, metadata, "this confidence is less than chance has",
                "write a number of percent from 50 to 99")
        }
        if let window = rollout.window, window.value < .seconds(10) {
            report.error(
                window.place, metadata, "the window is too short to say anything",
                "write a duration of at least `10s`")
        }
        for (former, step) in zip(rollout.steps, rollout.steps.dropFirst())
        where step.weight < former.weight {
            report.error(
                step.place, metadata, "a step gives the canary less than the one before",
                "let weights rise from step to step")
        }
        var checks = rollout.checks.compactMap { check(of: $0, sides, in: metadata) }
        if !checks.contains(where: { $0.measure == .errors }) {
            checks.insert(.init(.errors, increase: 10_000, samplesMin: 20), at: 0)
        }
        guard report.diagnostics.count == known, !rollout.steps.isEmpty else { return nil }
        let section = rollout.section.map { ", rule \($0.value)" } ?? ""
        var plan = RolloutPlan(
            name: metadata.id.text,
            target: "\(target.kind.rawValue) \(target.name.text)\(section)",
            stable: sides.stable.name, canary: sides.canary.name,
            steps: rollout.steps.map { step in
                RolloutPlan.Step(
                    weight: step.weight, hold: step.hold, requestsMin: step.requestsMin,
                    isManual: step.isManual)
            }, checks: checks, doubt: Int((100_000_000 - percent) / 100),
            window: rollout.window?.value ?? .seconds(300),
            onFailure: rollout.onFailure.flatMap { RolloutPlan.Reaction(rawValue: $0) }
                ?? .rollback,
            inconclusiveAfter: rollout.inconclusiveAfter ?? .seconds(3_600),
            onInconclusive: rollout.onInconclusive.flatMap { RolloutPlan.Reaction(rawValue: $0) }
                ?? .pause)
        let sides = "\(sides.stable.full) \(sides.canary.full)"
        plan.fingerprint = StableHash.of(utf8: "\(plan.text)\n\(sides)")
        return plan
    }

    private mutating func check(
        of written: RolloutResource.Check, _ sides: Sides, in rollout: Metadata
    ) -> RolloutPlan.Check? {
        guard let measure = RolloutPlan.Measure(rawValue: written.name) else { return nil }
        checkMeasurable(measure, written, sides, in: rollout)
        let bound: Int? =
            switch measure {
            // Millionths of a percent are a hundredth of a part per million.
            case .errors: written.bound.map { Int($0 / 100) }
            case .timeToFirstToken, .latency: written.time.map { Int($0.rawValue) }
            case .tokens: written.bound.map { Int($0 / 1_000_000) }
            case .cost: written.bound.map { Int($0 * Money.trillionthsPerMillionth) }
            case .mirrorAgreement: nil
            }
        var increase = written.increase.map { Int($0 / 100) }
        if measure == .errors, increase == nil, bound == nil { increase = 10_000 }
        if increase == nil, bound == nil, written.percentOfStable == nil {
            report.missing(
                written.place, rollout, "`\(written.name)` has no bound",
                "write `percentOfStable`, `max` or both")
            return nil
        }
        return RolloutPlan.Check(
            measure, percentile: written.percentile ?? 95, increase: increase,
            percentOfStable: written.percentOfStable, bound: bound,
            samplesMin: written.samplesMin ?? (measure == .errors ? 20 : 100))
    }

    /// What cannot be measured would never let a step end.
    private mutating func checkMeasurable(
        _ measure: RolloutPlan.Measure, _ written: RolloutResource.Check, _ sides: Sides,
        in rollout: Metadata
    ) {
        switch measure {
        case .errors, .latency, .mirrorAgreement: return
        case .timeToFirstToken, .tokens, .cost: break
        }
        let both = [sides.stable, sides.canary]
        if let plain = both.first(where: { !$0.isModel }) {
            report.error(
                written.place, rollout,
                "`\(written.name)` is known of Models alone, and \(quoted(plain.name)) is a "
                    + "Backend",
                "remove it, or let both targets be Models")
            return
        }
        guard measure == .cost else { return }
        if let free = both.first(where: { $0.price == nil }) {
            report.error(
                written.place, rollout, "nobody said what tokens of \(quoted(free.name)) cost",
                "write a `price` into the Model")
        } else if sides.stable.price?.currency != sides.canary.price?.currency {
            report.error(
                written.place, rollout, "the prices of both targets are in different currencies",
                "write them in one")
        }
    }
}

extension RolloutPlan {
    /// All that was written, as one text. What is added later must stand there only when it is
    /// not at its default, so that a new version of the mesh begins nothing anew.
    fileprivate var text: String {
        var parts = [name, target, stable, canary]
        for step in steps {
            parts.append(
                "step \(step.weight) \(step.mirror) \(step.hold.rawValue) \(step.requestsMin) "
                    + "\(step.isManual)")
        }
        for check in checks {
            let bounds = [check.increase, check.percentOfStable, check.bound].map { bound in
                bound.map { String($0) } ?? "-"
            }
            parts.append(
                "check \(check.measure.rawValue) \(check.percentile) "
                    + "\(bounds.joined(separator: " ")) \(check.samplesMin)")
        }
        parts.append(
            "rest \(doubt) \(window.rawValue) \(onFailure.rawValue) "
                + "\(inconclusiveAfter.rawValue) \(onInconclusive.rawValue)")
        return parts.joined(separator: "\n")
    }
}
