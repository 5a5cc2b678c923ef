// SPDX-License-Identifier: Apache-2.0

import MeshModel

/// What TrafficPolicies say about which resource.
///
/// Settings merge from the general to the particular: the Mesh's defaults, then the policies of
/// the Gateway, then those of the HTTPRoute or Model (and then what a route's rule says itself).
/// Backends have the Mesh's defaults and their own policies.
struct PolicyBook {
    /// What the Mesh says.
    let defaults: TrafficSettings
    private var settings: [PolicyTarget: TrafficSettings] = [:]

    private struct Claim {
        var target: PolicyTarget
        var policy: Metadata
        var entry: TrafficSettings.Entry
    }

    /// The policies of `catalog`; dangling targets, settings without effect and conflicts go to
    /// `report`.
    init(_ catalog: Catalog, _ report: inout Report) {
        defaults = catalog.mesh?.defaults ?? TrafficSettings()
        if let mesh = catalog.mesh { report.check(mesh) }
        var claims: [PolicyTarget: [TrafficField: Claim]] = [:]
        for policy in catalog.policies {
            report.check(policy.settings, of: policy.metadata)
            for reference in policy.targets {
                guard
                    let target = PolicyTarget(
                        reference, of: policy.metadata, catalog, &report)
                else { continue }
                for entry in policy.settings.entries {
                    guard entry.field.applies(to: target.kind) else {
                        Self.reportIdle(entry, target, policy, &report)
                        continue
                    }
                    let claim = Claim(target: target, policy: policy.metadata, entry: entry)
                    if let first = claims[target]?[entry.field] {
                        Self.reportConflict(claim, first, &report)
                    } else {
                        claims[target, default: [:]][entry.field] = claim
                    }
                }
                let merged = (settings[target] ?? TrafficSettings())
                    .overlaid(with: policy.settings)
                settings[target] = merged
            }
        }
    }

    /// What policies say about the resource of `kind` called `name`, over `base`.
    func settings(
        of kind: Kind, _ name: ResourceName, over base: TrafficSettings
    ) -> TrafficSettings {
        guard let own = settings[PolicyTarget(kind: kind, name: name)] else { return base }
        return base.overlaid(with: own)
    }

    private static func reportIdle(
        _ entry: TrafficSettings.Entry, _ target: PolicyTarget, _ policy: TrafficPolicyResource,
        _ report: inout Report
    ) {
        let fitting: [Kind] = [.gateway, .httpRoute, .grpcRoute, .model, .backend]
        let kinds = fitting.filter { entry.field.applies(to: $0) }.map { "`\($0.rawValue)`" }
        report.error(
            entry.place, policy.metadata,
            "`\(entry.field.rawValue)` has no effect on a \(target.kind.rawValue)",
            "write it into a TrafficPolicy that targets \(kinds.joined(separator: " or "))")
    }

    private static func reportConflict(
        _ claim: Claim, _ first: Claim, _ report: inout Report
    ) {
        report.error(
            claim.entry.place, claim.policy,
            "`\(claim.entry.field.rawValue)` of \(claim.target.kind.rawValue) "
                + "\(quoted(claim.target.name.name)) is also set by \(first.policy.label) at "
                + first.entry.place.text, "set it in one of them")
    }
}

/// A resource that policies apply to.
struct PolicyTarget: Hashable {
    /// Its kind.
    let kind: Kind
    /// Its name.
    let name: ResourceName

    /// The resource of `kind` called `name`.
    init(kind: Kind, name: ResourceName) {
        self.kind = kind
        self.name = name
    }

    /// What `reference` of `policy` leads to, or nil when that is nothing of ours; a mistake goes
    /// to `report`.
    init?(
        _ reference: Reference, of policy: Metadata, _ catalog: Catalog, _ report: inout Report
    ) {
        guard let kindText = reference.kind, let kind = Kind(rawValue: kindText.value) else {
            return nil
        }
        if let group = reference.group, group.value != kind.group {
            report.error(
                group.place, policy, "`\(kind.rawValue)` is not a kind of \(quoted(group.value))",
                "write `group: \(kind.group)`")
            return nil
        }
        let name = reference.target(from: policy.id.namespace)
        guard catalog.index(of: kind, name) != nil else {
            if kind == .gateway, catalog.foreignGateways.contains(name) { return nil }
            report.dangling(reference, kind, name, in: policy, catalog)
            return nil
        }
        self.init(kind: kind, name: name)
    }
}

extension Report {
    /// Notes that `reference` of `resource` leads nowhere.
    mutating func dangling(
        _ reference: Reference, _ kind: Kind, _ name: ResourceName, in resource: Metadata,
        _ catalog: Catalog
    ) {
        dangling(kind, name, at: reference.name.place, in: resource, catalog, takesNamespace: true)
    }

    /// Notes that the resource of `kind` called `name`, which `resource` names at `place`, is
    /// nowhere; `takesNamespace` says whether another namespace could be named there.
    mutating func dangling(
        _ kind: Kind, _ name: ResourceName, at place: Place, in resource: Metadata,
        _ catalog: Catalog, takesNamespace: Bool
    ) {
        let known = catalog.names(of: kind)
        let remedy: String
        if let near = Suggestion.nearest(
            to: name.name,
            among: known.filter { $0.namespace == name.namespace }.map(\.name))
        {
            remedy = "did you mean `\(near)`?"
        } else if takesNamespace, let elsewhere = known.first(where: { $0.name == name.name }) {
            remedy = "there is one in namespace `\(elsewhere.namespace)`: add `namespace`"
        } else {
            remedy = "add it or correct the name"
        }
        error(
            place, resource,
            "there is no \(kind.rawValue) \(quoted(name.name)) in namespace "
                + "\(quoted(name.namespace))", remedy)
    }
}
