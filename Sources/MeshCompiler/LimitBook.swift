// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshSnapshot

/// What LimitPolicies say about which resource.
///
/// Unlike settings, limits do not replace each other: all that apply to a request hold together,
/// those of its Gateway, of its route and of its model. One limit is one amount, also when its
/// policy has several targets.
struct LimitBook {
    /// The limits of all policies, in the order of their names.
    private(set) var limits: [Limit] = []
    /// Where each of them is written.
    private(set) var drafts: [Draft] = []
    private var ids: [PolicyTarget: [LimitID]] = [:]

    /// A limit with where it comes from.
    struct Draft {
        /// The policy.
        var policy: Metadata
        /// What was written.
        var written: LimitText
        /// What it applies to.
        var targets: [PolicyTarget]
    }

    /// The policies of `catalog`; dangling targets and limits that say nothing definite go to
    /// `report`.
    init(_ catalog: Catalog, _ report: inout Report) {
        for policy in catalog.limits {
            var targets: [PolicyTarget] = []
            for reference in policy.targets {
                let found = PolicyTarget(reference, of: policy.metadata, catalog, &report)
                guard let target = found else { continue }
                if targets.contains(target) {
                    report.error(
                        reference.name.place, policy.metadata,
                        "the \(target.kind.rawValue) is named twice", "remove one of them")
                } else {
                    targets.append(target)
                }
            }
            add(policy, targets, &report)
        }
    }

    /// The limits of the resource of `kind` called `name`, ascending.
    func limits(of kind: Kind, _ name: ResourceName) -> [LimitID] {
        ids[PolicyTarget(kind: kind, name: name)] ?? []
    }

    /// The limits of both, ascending, each once.
    static func joined(_ a: [LimitID], _ b: [LimitID]) -> [LimitID] {
        var joined: [LimitID] = []
        for id in (a + b).sorted() where joined.last != id { joined.append(id) }
        return joined
    }

    private mutating func add(
        _ policy: LimitPolicyResource, _ targets: [PolicyTarget], _ report: inout Report
    ) {
        var named: [String: Place] = [:]
        for written in policy.limits {
            if let first = named[written.name.value] {
                report.error(
                    written.name.place, policy.metadata,
                    "there is a limit \(quoted(written.name.value)) already, at \(first.text)",
                    "rename one of them")
                continue
            }
            named[written.name.value] = written.name.place
            guard let limit = report.limit(written, of: policy.metadata) else { continue }
            let id = LimitID(limits.count)
            limits.append(limit)
            drafts.append(Draft(policy: policy.metadata, written: written, targets: targets))
            for target in targets { ids[target, default: []].append(id) }
        }
    }
}

extension Report {
    /// The limit that `written` stands for, or nil; what is wrong with it is noted.
    fileprivate mutating func limit(_ written: LimitText, of policy: Metadata) -> Limit? {
        let known = diagnostics.count
        let amount = amount(of: written, in: policy)
        checkPeriod(of: written, in: policy)
        let keys = keys(of: written, in: policy)
        guard let (unit, whole) = amount, let period = written.period else { return nil }
        let burst = burst(of: written, unit, in: policy)
        if keys.isEmpty, let bound = written.keysMax {
            error(
                bound.place, policy, "`keysMax` has no effect when nothing is counted apart",
                "write a `key` or remove `keysMax`")
        }
        guard diagnostics.count == known else { return nil }
        return Limit(
            policy: policy.id.text, name: written.name.value, unit: unit, amount: whole,
            burst: burst, period: period.value, key: keys, isAudit: written.isAudit,
            keysMax: written.keysMax?.value ?? 10_000)
    }

    private mutating func amount(
        of written: LimitText, in policy: Metadata
    ) -> (unit: Limit.Unit, amount: Int64)? {
        var found: [(place: Place, field: String, unit: Limit.Unit, amount: Int64)] = []
        if let requests = written.requests {
            found.append((requests.place, "requests", .requests, Int64(requests.value)))
        }
        if let tokens = written.tokens {
            found.append((tokens.place, "tokens", .tokens, Int64(tokens.value)))
        }
        if let cost = written.cost {
            let amount = cost.value * Money.trillionthsPerMillionth
            found.append((cost.place, "cost", .cost(written.currency?.value ?? .usd), amount))
        }
        guard let first = found.first else {
            missing(
                written.place, policy, "the limit \(quoted(written.name.value)) limits nothing",
                "add one of `requests`, `tokens` and `cost`")
            return nil
        }
        if found.count > 1 {
            error(
                found[1].place, policy,
                "`\(found[1].field)` and `\(first.field)` cannot be in one limit",
                "write two limits: all that apply hold together")
            return nil
        }
        if first.amount == 0 {
            // A whole number of 0 does not fit its shape, which is known already.
            missing(
                first.place, policy, "a limit of nothing would refuse every request",
                "write an amount above 0")
            return nil
        }
        if let currency = written.currency, written.cost == nil {
            error(
                currency.place, policy, "`currency` has no effect without `cost`",
                "remove `currency`")
        }
        return (first.unit, first.amount)
    }

    private mutating func checkPeriod(of written: LimitText, in policy: Metadata) {
        guard let period = written.period else { return }
        if period.value <= .zero || period.value > Limit.periodMax {
            error(
                period.place, policy, "this duration is out of range",
                "write a duration above `0s`, at most `744h`")
        }
    }

    private mutating func burst(
        of written: LimitText, _ unit: Limit.Unit, in policy: Metadata
    ) -> Int64? {
        guard let burst = written.burst else { return nil }
        if burst.value == 0 {
            error(
                burst.place, policy, "without a burst no request could enter",
                "write a `burst` above 0, or remove it")
            return nil
        }
        if case .cost = unit {
            guard burst.value <= Limit.amountMax / Money.trillionthsPerMillionth else {
                error(
                    burst.place, policy, "the burst is out of range",
                    "write a number from 0 to 1000000")
                return nil
            }
            return burst.value * Money.trillionthsPerMillionth
        }
        guard burst.value % 1_000_000 == 0 else {
            error(
                burst.place, policy, "requests and tokens come in whole numbers",
                "write a `burst` without digits behind the point")
            return nil
        }
        return burst.value / 1_000_000
    }

    private mutating func keys(of written: LimitText, in policy: Metadata) -> [Limit.KeyPart] {
        var parts: [Limit.KeyPart] = []
        for key in written.keys {
            let part: Limit.KeyPart
            switch key.value {
            case .global:
                if written.keys.count > 1 {
                    error(
                        key.place, policy, "`global` counts nothing apart and stands alone",
                        "remove it, or the other keys")
                }
                continue
            case .source: part = .source
            case .model: part = .model
            case .identity: part = .identity
            case .header(let name): part = .header(Array(name.utf8))
            }
            if parts.contains(part) {
                error(key.place, policy, "the key is there twice", "remove one of them")
            } else {
                parts.append(part)
            }
        }
        return parts
    }
}

extension Price {
    /// The price that `text` stands for. Millionths for a million tokens are trillionths for one.
    init(_ text: PriceText) {
        self.init(
            input: text.input, output: text.output, cachedInput: text.cachedInput ?? text.input,
            currency: text.currency ?? .usd)
    }
}
