// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot
import MeshTelemetry

/// Holds the counts of a canary against the bounds of its plan.
///
/// A check is *good* when there are enough samples and the canary's value is within every bound.
/// It is *bad* when the value is beyond one, and a test says that chance does not do that. Else it
/// is *waiting* for samples, or *unsure*, and a step goes on. Only a bad one can end a rollout, so
/// that noise does not, and only good ones let it go on.
///
/// The doubt of a step is divided over the bounds, over the two stretches that are judged (the
/// whole step and the present window), and over all looks at each (`Looks`), so that it bounds
/// how likely a step ends by chance, however long it lasts.
struct Judge {
    /// What is judged.
    var plan: RolloutPlan
    /// Which arm is held against the stable one.
    var arm: Arm
    /// How likely chance may make any bound of this stretch look broken.
    var doubt: Double

    /// What every check says about `evidence`; the looks that were taken are noted there.
    func findings(_ evidence: inout Evidence) -> [Finding] {
        let bounds = plan.checks.filter(applies).reduce(0) { $0 + $1.boundCount }
        var findings: [Finding] = []
        for (number, check) in plan.checks.enumerated() where applies(check) {
            let slot = 2 * number
            var question = Question(
                check: check, canary: evidence.counts[arm], stable: evidence.counts.stable,
                doubt: doubt / Double(max(1, bounds)))
            question.lastLooks = (evidence.look(slot), evidence.look(slot + 1))
            findings.append(question.finding())
            evidence.note(look: question.lastLooks.relative, slot)
            evidence.note(look: question.lastLooks.absolute, slot + 1)
        }
        return findings
    }

    /// Whether a check can be made in this step: copies are compared, and nothing else is; nobody
    /// waits for their tokens.
    private func applies(_ check: RolloutPlan.Check) -> Bool {
        switch check.measure {
        case .errors, .latency: true
        case .timeToFirstToken, .tokens, .cost: arm != .mirror
        case .mirrorAgreement: arm == .mirror
        }
    }
}

extension RolloutPlan.Check {
    /// How many bounds it has.
    var boundCount: Int {
        (increase == nil && percentOfStable == nil ? 0 : 1) + (bound == nil ? 0 : 1)
    }

    /// Whether the stable target is needed to judge.
    var isRelative: Bool { increase != nil || percentOfStable != nil }
}

/// One check on its way to an answer.
struct Question {
    /// What is asked.
    let check: RolloutPlan.Check
    /// What the canary did.
    let canary: ArmCounts
    /// What the stable target did.
    let stable: ArmCounts
    /// How likely chance may break one bound.
    let doubt: Double
    /// The looks that were taken before; afterwards those that are taken now as well.
    var lastLooks: (relative: Int, absolute: Int) = (0, 0)

    /// The answer.
    mutating func finding() -> Finding {
        let own = sample(of: canary)
        let theirs = sample(of: stable)
        var finding = Finding(
            measure: check.title, canary: own.count == 0 ? nil : shown(value(of: canary)),
            stable: check.measure == .mirrorAgreement || theirs.count == 0
                ? nil : shown(value(of: stable)),
            bound: boundInWords, samples: own.count, verdict: .good)
        let least = UInt64(max(1, check.samplesMin))
        if own.count < least {
            finding.verdict = .waiting(
                "\(check.title): \(own.count) of \(least) samples of the canary")
            return finding
        }
        if check.isRelative, theirs.count < least {
            finding.verdict = .waiting(
                "\(check.title): \(theirs.count) of \(least) samples of the stable target")
        }
        for isRelative in [true, false] where isRelative ? check.isRelative : check.bound != nil {
            if isRelative, theirs.count < least { continue }
            guard isBeyond(isRelative) else { continue }
            let number = Looks.number(
                at: isRelative ? min(own.count, theirs.count) : own.count, least: check.samplesMin)
            let last = isRelative ? lastLooks.relative : lastLooks.absolute
            let words = inWords(isRelative, finding)
            if number > last {
                if isRelative { lastLooks.relative = number } else { lastLooks.absolute = number }
                if isBroken(isRelative, doubt: Looks.share(doubt, of: number)) {
                    finding.verdict = .bad(words)
                    return finding
                }
            }
            finding.verdict = .unsure("\(words), which may be chance")
        }
        return finding
    }

    /// How many observations there are of what is asked for.
    private func sample(of counts: ArmCounts) -> (count: UInt64, times: TimeCounts) {
        switch check.measure {
        case .errors: (counts.requests, TimeCounts())
        case .timeToFirstToken: (counts.firstTokens.count, counts.firstTokens)
        case .latency: (counts.latencies.count, counts.latencies)
        case .tokens: (counts.tokens.count, TimeCounts())
        case .cost: (counts.costs.count, TimeCounts())
        case .mirrorAgreement: (counts.compared, TimeCounts())
        }
    }

    /// The value that was seen: a share, nanoseconds, tokens, trillionths.
    private func value(of counts: ArmCounts) -> Double {
        switch check.measure {
        case .errors: errors(of: counts).share
        case .timeToFirstToken, .latency:
            Double(
                sample(of: counts).times.quantile(percent: check.percentile)?.rawValue ?? 0)
        case .tokens: counts.tokens.mean
        case .cost: counts.costs.mean
        case .mirrorAgreement:
            Proportion(hits: counts.agreed, trials: counts.compared).share
        }
    }

    private func errors(of counts: ArmCounts) -> Proportion {
        Proportion(hits: counts.errors, trials: counts.requests)
    }

    /// What the canary's value may be at most, by one of the bounds.
    private func limit(_ isRelative: Bool) -> Double {
        guard isRelative else {
            let bound = Double(check.bound ?? 0)
            return check.isShare ? bound / 1e6 : bound
        }
        let theirs = value(of: stable)
        if let increase = check.increase { return theirs + Double(increase) / 1e6 }
        return theirs * Double(check.percentOfStable ?? 100) / 100
    }

    /// Whether the value that was seen is beyond a bound.
    private func isBeyond(_ isRelative: Bool) -> Bool {
        let own = value(of: canary)
        if check.measure == .mirrorAgreement { return own < limit(false) }
        return own > limit(isRelative)
    }

    /// Whether the value is beyond a bound by more than chance does.
    private func isBroken(_ isRelative: Bool, doubt: Double) -> Bool {
        switch check.measure {
        case .errors:
            if isRelative {
                return errors(of: canary).excess(over: errors(of: stable), doubt: doubt)
                    > Double(check.increase ?? 0) / 1e6
            }
            return errors(of: canary).lowerBound(doubt: doubt) > limit(false)
        case .timeToFirstToken, .latency: return isLater(isRelative, doubt: doubt)
        case .tokens: return isMore(isRelative, canary.tokens, stable.tokens, doubt)
        case .cost: return isMore(isRelative, canary.costs, stable.costs, doubt)
        case .mirrorAgreement:
            let agreement = Proportion(hits: canary.agreed, trials: canary.compared)
            return agreement.upperBound(doubt: doubt) < limit(false)
        }
    }

    /// Whether a percentile of the canary's times is beyond its bound.
    ///
    /// More of the canary's times than the percentile leaves lie above the bound, and a binomial
    /// test says so: that holds for any distribution of times. Where the bound hangs on the stable
    /// target's percentile, that is taken at the upper end of what it may be by the same test, and
    /// each has half of the doubt. Bounds are rounded up to the next bucket.
    ///
    /// **Source** Conover, "Practical Nonparametric Statistics", 3.2, the quantile test.
    private func isLater(_ isRelative: Bool, doubt: Double) -> Bool {
        let rest = Double(100 - check.percentile) / 100
        let bounds = TimeCounts.layout.bounds
        var most = Double(check.bound ?? 0)
        if isRelative {
            guard let top = highest(of: sample(of: stable).times, rest, doubt / 2) else {
                return false
            }
            most = Double(bounds[top]) * Double(check.percentOfStable ?? 100) / 100
        }
        guard let bucket = bounds.firstIndex(where: { Double($0) >= most }) else { return false }
        let times = sample(of: canary).times
        let late = Proportion(hits: times.count(above: bucket), trials: times.count)
        return late.lowerBound(doubt: isRelative ? doubt / 2 : doubt) > rest
    }

    /// The bucket whose bound all but `rest` of the times do not exceed, as high as chance may
    /// have it; nil when there are too few to say.
    private func highest(of times: TimeCounts, _ rest: Double, _ doubt: Double) -> Int? {
        let total = times.count
        var low = 0
        var high = TimeCounts.layout.bounds.count
        // The share above a bound falls from one bucket to the next.
        while low < high {
            let middle = (low + high) / 2
            let above = Proportion(hits: times.count(above: middle), trials: total)
            if above.upperBound(doubt: doubt) <= rest { high = middle } else { low = middle + 1 }
        }
        return low < TimeCounts.layout.bounds.count ? low : nil
    }

    /// Whether the mean of `own` is beyond its bound.
    ///
    /// **Source** Welch, "The generalization of 'Student's' problem when several different
    /// population variances are involved", Biometrika 34, 1947; with a normal variable, for
    /// samples are large. The ratio as Fieller has it, 1954.
    private func isMore(
        _ isRelative: Bool, _ own: Moments, _ theirs: Moments, _ doubt: Double
    ) -> Bool {
        let ratio = isRelative ? Double(check.percentOfStable ?? 100) / 100 : 0
        let excess = own.mean - (isRelative ? ratio * theirs.mean : limit(false))
        var variance = own.variance / Double(max(1, own.count))
        if isRelative {
            variance += ratio * ratio * theirs.variance / Double(max(1, theirs.count))
        }
        guard variance > 0 else { return excess > 0 }
        return excess / variance.squareRoot() > SpecialFunctions.normalPoint(tail: doubt)
    }
}

extension Question {
    /// A value as people read it.
    private func shown(_ value: Double) -> String {
        switch check.measure {
        case .errors, .mirrorAgreement: Words.percent(value)
        case .timeToFirstToken, .latency: Words.time(Nanoseconds(Int64(value)))
        case .tokens: Words.number(value)
        case .cost: Words.number(value / Double(Money.trillionthsPerUnit))
        }
    }

    /// What the canary's value may be.
    private var boundInWords: String {
        [true, false].compactMap { boundText($0) }.joined(separator: ", ")
    }

    /// One of the bounds, or nil when it is not there.
    private func boundText(_ isRelative: Bool) -> String? {
        if isRelative {
            if let increase = check.increase {
                return "at most \(Words.points(Double(increase) / 1e6)) above stable"
            }
            return check.percentOfStable.map { "at most \($0) % of stable" }
        }
        guard check.bound != nil else { return nil }
        let word = check.measure == .mirrorAgreement ? "at least" : "at most"
        return "\(word) \(shown(limit(false)))"
    }

    /// How the canary's value stands to a bound that it is beyond.
    private func inWords(_ isRelative: Bool, _ finding: Finding) -> String {
        let own = "\(check.title) \(finding.canary ?? "") of \(finding.samples) samples"
        let theirs = isRelative ? " (stable \(finding.stable ?? ""))" : ""
        return "\(own)\(theirs), allowed is \(boundText(isRelative) ?? "")"
    }
}

extension RolloutPlan.Check {
    /// Whether its value is a share.
    var isShare: Bool { measure == .errors || measure == .mirrorAgreement }
}
