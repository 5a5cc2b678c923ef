// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshSnapshot

/// A rule of a route before it is known what holds around it.
struct RuleDraft {
    /// What was written.
    var written: RouteRule
    /// Its matches that are not shadowed by earlier ones of the route.
    var matches: [MatchDraft]
    /// What its filters do.
    var filters: FilterDraft
    /// Where it forwards to.
    var targets: [TargetDraft]
}

/// A weighted target of a rule.
struct TargetDraft {
    /// Its share.
    var weight: Int
    /// Where it leads, or nil when nowhere.
    var destination: Destination?
    /// Edits of the request's head.
    var requestEdits: [HeaderEdit]
    /// Edits of the answer's head.
    var responseEdits: [HeaderEdit]
}

/// What a Gateway says about everything on it.
private struct Surroundings: Equatable {
    /// Its settings.
    var settings: TrafficSettings
    /// Its limits.
    var limits: [LimitID]
    /// Its AccessPolicies.
    var access: [AccessID]
    /// The data labels that it gives.
    var labels: DataLabels
    /// Its IdentityProviders.
    var identity: [IdentityID]

    init(_ listener: ListenerDraft) {
        settings = listener.settings
        limits = listener.limits
        access = listener.access
        labels = listener.labels
        identity = listener.identity
    }
}

extension Compiler {
    /// Compiles every route of the catalog.
    mutating func compileRoutes() {
        for index in catalog.routes.indices { compileRoute(index) }
        reportUnusedModels()
    }

    private mutating func compileRoute(_ index: Int) {
        let route = catalog.routes[index]
        let metadata = route.metadata
        let drafts = drafts(of: route)
        if route.parents.isEmpty {
            report.missing(
                metadata.place, metadata, "the route attaches to no Gateway",
                "add `parentRefs` with the name of a Gateway")
        }
        let hostnames = route.hostnames.map { Hostname(written: $0.value) }
        let attached = attach(metadata, route.parents, hostnames: hostnames)
        // Rules differ between Gateways only by what policies say about them.
        var instances: [(around: Surroundings, rules: [RuleID])] = []
        for listener in attached {
            let around = Surroundings(listeners[listener])
            let rules: [RuleID]
            if let known = instances.first(where: { $0.around == around }) {
                rules = known.rules
            } else {
                rules = instantiate(drafts, of: metadata, around)
                instances.append((around, rules))
            }
            place(drafts, rules, of: index, hostnames, on: listener)
        }
    }

    private mutating func drafts(of route: HTTPRouteResource) -> [RuleDraft] {
        let metadata = route.metadata
        var names: [String: Place] = [:]
        var seen: [MatchKey: (rule: Int, place: Place)] = [:]
        return route.rules.enumerated().map { index, rule in
            if let name = rule.name {
                if let first = names[name.value] {
                    report.error(
                        name.place, metadata,
                        "there is a rule \(quoted(name.value)) already, at \(first.text)",
                        "rename one of them")
                }
                names[name.value] = names[name.value] ?? name.place
            }
            checkTimeouts(of: rule, in: metadata)
            let matches = matches(of: rule, in: metadata)
            let filters = filters(of: rule, in: metadata)
            let targets = targets(of: rule, filters, in: metadata)
            let open = unshadowed(matches, of: rule, index, in: metadata, &seen)
            return RuleDraft(written: rule, matches: open, filters: filters, targets: targets)
        }
    }

    /// Those of `matches` that no earlier match of the route is equal to. A rule of which none
    /// is left can never apply, which is a mistake.
    private mutating func unshadowed(
        _ matches: [MatchDraft], of rule: RouteRule, _ index: Int, in route: Metadata,
        _ seen: inout [MatchKey: (rule: Int, place: Place)]
    ) -> [MatchDraft] {
        var shadows: [(match: MatchDraft, earlier: Place)] = []
        let open = matches.filter { match in
            if let earlier = seen[match.key] {
                shadows.append((match, earlier.place))
                return false
            }
            seen[match.key] = (index, match.place)
            return true
        }
        guard let first = shadows.first else { return open }
        if open.isEmpty, matches.count == rule.matches.count {
            report.error(
                rule.place, route,
                "the rule can never apply: its matches are equal to earlier ones, at "
                    + first.earlier.text, "change its matches or remove the rule")
        } else {
            for (match, earlier) in shadows {
                report.warning(
                    match.place, route,
                    "the match is equal to an earlier one, at \(earlier.text)", "remove it")
            }
        }
        return open
    }

    private mutating func checkTimeouts(of rule: RouteRule, in route: Metadata) {
        guard let request = rule.requestTimeout, let attempt = rule.backendRequestTimeout,
            request.value > .zero, attempt.value > request.value
        else { return }
        report.error(
            attempt.place, route, "`backendRequest` is longer than `request`",
            "write a duration that is not longer")
    }

    private mutating func targets(
        of rule: RouteRule, _ filters: FilterDraft, in route: Metadata
    ) -> [TargetDraft] {
        if rule.backends.isEmpty, filters.redirect == nil, route.isSound {
            report.warning(
                rule.place, route, "the rule leads nowhere: its requests are refused with 500",
                "add `backendRefs` or a `RequestRedirect`")
        }
        if !rule.backends.isEmpty, rule.backends.allSatisfy({ $0.weight == 0 }) {
            report.error(
                rule.backends[0].reference.place, route, "every backend has weight 0",
                "give at least one of them a weight above 0")
        }
        return rule.backends.map { backend in
            let edits = edits(of: backend.filters, in: route)
            return TargetDraft(
                weight: backend.weight, destination: destination(of: backend.reference, in: route),
                requestEdits: edits.request, responseEdits: edits.response)
        }
    }

    /// Adds the rules of `drafts` where `around` holds, and answers with their ids.
    private mutating func instantiate(
        _ drafts: [RuleDraft], of route: Metadata, _ around: Surroundings
    ) -> [RuleID] {
        let settings = around.settings
        let limits = LimitBook.joined(
            around.limits, self.limits.limits(of: route.kind, route.id))
        // Both are numbers, and joined in the same way.
        let access = LimitBook.joined(
            around.access, self.access.policies(of: route.kind, route.id))
        let identity = self.identity.providers(ofRoute: route, around: around.identity)
        let merged = policies.settings(of: route.kind, route.id, over: settings)
        return drafts.enumerated().map { index, draft in
            let (action, needsFacts) = action(of: draft, settings)
            // The rules of one route agree about who gets which target.
            let sticky = self.sticky.sticky(
                merged, of: "\(route.kind.rawValue)/\(route.id.text)",
                targets: draft.targets.map { name(of: $0) })
            rules.append(
                Rule(
                    route: route.id.text, index: index, action: action,
                    requestEdits: draft.filters.requestEdits,
                    responseEdits: draft.filters.responseEdits,
                    rewrite: draft.filters.rewrite?.value, mirrors: draft.filters.mirrors,
                    timeouts: timeouts(of: draft, merged), retry: retry(of: draft.written, merged),
                    needsFacts: needsFacts, limits: limits, access: access,
                    labels: around.labels.union(residency.labels(of: route.kind, route.id)),
                    identity: identity, sticky: sticky, comparison: comparison(merged)))
            return RuleID(rules.count - 1)
        }
    }

    /// What a target is known by when its weight or its place changes.
    private func name(of target: TargetDraft) -> String {
        switch target.destination {
        case .backend(let index): "Backend/\(catalog.backends[index].metadata.id.text)"
        case .model(let index): "Model/\(modelDrafts[index].resource.metadata.id.text)"
        case nil: ""
        }
    }

    private mutating func action(
        of draft: RuleDraft, _ settings: TrafficSettings
    ) -> (action: Rule.Action, needsFacts: Bool) {
        if let redirect = draft.filters.redirect { return (.redirect(redirect.value), false) }
        guard !draft.targets.isEmpty else { return (.refuse(500), false) }
        var needsFacts = false
        let targets = draft.targets.map { target in
            let destination: WeightedTarget.Destination
            switch target.destination {
            case .backend(let index): destination = .backend(BackendID(index))
            case .model(let index):
                // The body has to be at hand, because the model's name in it may change.
                needsFacts = true
                modelDrafts[index].isUsed = true
                destination = .model(instance(of: index, settings))
            case nil: destination = .invalid
            }
            return WeightedTarget(
                weight: target.weight, destination: destination,
                requestEdits: target.requestEdits, responseEdits: target.responseEdits)
        }
        return (.forward(targets), needsFacts)
    }

    private func timeouts(of draft: RuleDraft, _ settings: TrafficSettings) -> Timeouts {
        var timeouts = settings.timeouts
        if let request = draft.written.requestTimeout { timeouts.request = request.value.limit }
        if let attempt = draft.written.backendRequestTimeout {
            timeouts.backendRequest = attempt.value.limit
        }
        let indices = draft.targets.compactMap { target in
            if case .backend(let index) = target.destination { index } else { nil as Int? }
        }
        if let connect = connect(of: indices) { timeouts.connect = connect }
        return timeouts
    }

    private func retry(of rule: RouteRule, _ settings: TrafficSettings) -> RetryPolicy {
        var retry = settings.retry
        if let codes = rule.retryCodes { retry.statuses = codes.ascending }
        // The Gateway API counts what follows the first attempt, the snapshot all of them.
        if let attempts = rule.retryAttempts { retry.attempts = attempts + 1 }
        if let backoff = rule.retryBackoff {
            retry.backoffBase = backoff.value
            retry.backoffMax = max(retry.backoffMax, backoff.value)
        }
        return retry
    }

    /// Adds the matches of `drafts` to a listener, for each hostname that both serve.
    private mutating func place(
        _ drafts: [RuleDraft], _ rules: [RuleID], of route: Int, _ hostnames: [Hostname],
        on listener: Int
    ) {
        let metadata = catalog.routes[route].metadata
        for hostname in served(hostnames, by: listeners[listener].hostname) {
            for (ruleIndex, draft) in drafts.enumerated() {
                for match in draft.matches {
                    claim(match, hostname, for: route, on: listener)
                    listeners[listener].entries.append(
                        RouteEntry(
                            hostname: hostname, path: match.key.path, method: match.key.method,
                            headers: match.key.headers, query: match.key.query,
                            rule: rules[ruleIndex],
                            order: RouteOrder(
                                created: metadata.created, route: metadata.id.text,
                                rule: ruleIndex, match: match.index)))
                }
            }
        }
    }

    private func served(_ hostnames: [Hostname], by listener: Hostname?) -> [Hostname?] {
        if hostnames.isEmpty { return [nil] }
        var served: [Hostname?] = []
        for hostname in hostnames {
            if case .some(let common) = Hostname.intersection(listener, hostname),
                !served.contains(common)
            {
                served.append(common)
            }
        }
        return served
    }

    /// Two routes with the same match on the same listener and hostname: one of them would never
    /// be reached, and which one should not be left to their age.
    private mutating func claim(
        _ match: MatchDraft, _ hostname: Hostname?, for route: Int, on listener: Int
    ) {
        var key = match.key
        key.hostname = hostname
        guard let first = listeners[listener].claims[key] else {
            listeners[listener].claims[key] = MatchClaim(route: route, place: match.place)
            return
        }
        guard first.route != route, reportedConflicts.insert(match.place).inserted else { return }
        let other = catalog.routes[first.route].metadata
        report.error(
            match.place, catalog.routes[route].metadata,
            "\(other.label) has an equal match for "
                + (hostname.map { "hostname `\($0.text)`" } ?? "every hostname") + ", at "
                + first.place.text, "change or remove one of the two")
    }

    private mutating func reportUnusedModels() {
        // A listener that could not be read may be the one that offers a Model.
        guard !report.isQuiet else { return }
        for draft in modelDrafts where !draft.isUsed {
            let metadata = draft.resource.metadata
            // With parents that do not exist the reason is known already.
            guard draft.resource.parents?.isEmpty ?? true else { continue }
            report.missing(
                metadata.place, metadata, "no Gateway offers the Model and no route refers to it",
                "add `parentRefs` with the name of a Gateway")
        }
    }
}
