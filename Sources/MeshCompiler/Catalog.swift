// SPDX-License-Identifier: Apache-2.0

import MeshModel

/// The resources in an order that does not depend on how they were written down, each name
/// once, with their indices by name.
struct Catalog {
    /// The Gateways, by namespace and name.
    let gateways: [GatewayResource]
    /// The HTTPRoutes and GRPCRoutes; no two of them have the same name.
    let routes: [HTTPRouteResource]
    /// The ReferenceGrants.
    let grants: [ReferenceGrantResource]
    /// The Mesh, if there is one.
    let mesh: MeshResource?
    /// The Backends.
    let backends: [BackendResource]
    /// The Models.
    let models: [ModelResource]
    /// The TrafficPolicies.
    let policies: [TrafficPolicyResource]
    /// The LimitPolicies.
    let limits: [LimitPolicyResource]
    /// The OverloadPolicies.
    let overload: [OverloadPolicyResource]
    /// The AccessPolicies.
    let access: [AccessPolicyResource]
    /// The PolicyEngines.
    let engines: [PolicyEngineResource]
    /// The ResidencyPolicies.
    let residency: [ResidencyPolicyResource]
    /// The AttestationVerifiers.
    let verifiers: [AttestationVerifierResource]
    /// The IdentityProviders.
    let identity: [IdentityProviderResource]
    /// The BackendTLSPolicies.
    let backendTLS: [BackendTLSPolicyResource]
    /// The Certificates.
    let certificates: [CertificateResource]
    /// The TrustDomains.
    let trustDomains: [TrustDomainResource]
    /// The Secrets.
    let secrets: [SecretResource]
    /// The Rollouts.
    let rollouts: [RolloutResource]
    /// The names of Gateways of other classes.
    let foreignGateways: Set<ResourceName>

    private let indices: [Kind: [ResourceName: Int]]

    /// The catalog of `resources`; names that are there twice go to `report`.
    init(_ resources: ResourceSet, _ report: inout Report) {
        gateways = Self.unique(resources.gateways, \.metadata, &report)
        routes = Self.unique(resources.routes, \.metadata, &report)
        grants = Self.unique(resources.grants, \.metadata, &report)
        backends = Self.unique(resources.backends, \.metadata, &report)
        models = Self.unique(resources.models, \.metadata, &report)
        policies = Self.unique(resources.policies, \.metadata, &report)
        limits = Self.unique(resources.limits, \.metadata, &report)
        overload = Self.unique(resources.overload, \.metadata, &report)
        access = Self.unique(resources.access, \.metadata, &report)
        engines = Self.unique(resources.engines, \.metadata, &report)
        residency = Self.unique(resources.residency, \.metadata, &report)
        verifiers = Self.unique(resources.verifiers, \.metadata, &report)
        identity = Self.unique(resources.identity, \.metadata, &report)
        backendTLS = Self.unique(resources.backendTLS, \.metadata, &report)
        certificates = Self.unique(resources.certificates, \.metadata, &report)
        trustDomains = Self.unique(resources.trustDomains, \.metadata, &report)
        secrets = Self.unique(resources.secrets, \.metadata, &report)
        rollouts = Self.unique(resources.rollouts, \.metadata, &report)
        let meshes = resources.meshes.sorted { $0.metadata.place < $1.metadata.place }
        for other in meshes.dropFirst() {
            report.error(
                other.metadata.place, other.metadata,
                "there is a Mesh already, \(quoted(meshes[0].metadata.id.name)) at "
                    + meshes[0].metadata.place.text, "write its settings into that one")
        }
        mesh = meshes.first
        foreignGateways = Set(resources.foreignGateways)
        indices = [
            .gateway: Self.index(gateways.map(\.metadata)),
            .httpRoute: Self.index(routes.map(\.metadata), of: .httpRoute),
            .grpcRoute: Self.index(routes.map(\.metadata), of: .grpcRoute),
            .backend: Self.index(backends.map(\.metadata)),
            .model: Self.index(models.map(\.metadata)),
            .policyEngine: Self.index(engines.map(\.metadata)),
            .certificate: Self.index(certificates.map(\.metadata)),
            .trustDomain: Self.index(trustDomains.map(\.metadata)),
            .secret: Self.index(secrets.map(\.metadata)),
        ]
    }

    /// The index of the resource of `kind` called `name` among its kind.
    func index(of kind: Kind, _ name: ResourceName) -> Int? { indices[kind]?[name] }

    /// What else there is of `kind`, for a suggestion.
    func names(of kind: Kind) -> [ResourceName] {
        switch kind {
        case .gateway: gateways.map(\.metadata.id)
        case .httpRoute, .grpcRoute:
            routes.map(\.metadata).filter { $0.kind == kind }.map(\.id)
        case .backend: backends.map(\.metadata.id)
        case .model: models.map(\.metadata.id)
        case .certificate: certificates.map(\.metadata.id)
        case .trustDomain: trustDomains.map(\.metadata.id)
        case .secret: secrets.map(\.metadata.id)
        case .policyEngine: engines.map(\.metadata.id)
        case .referenceGrant, .backendTLSPolicy, .mesh, .trafficPolicy, .limitPolicy,
            .overloadPolicy, .accessPolicy, .residencyPolicy, .attestationVerifier,
            .identityProvider, .rollout:
            []
        }
    }

    /// Whether `resource` may refer to `name`: within a namespace always, else by a grant.
    ///
    /// **Source** Gateway API, `ReferenceGrant`.
    func isGranted(_ name: ResourceName, _ kind: Kind, to resource: Metadata) -> Bool {
        if name.namespace == resource.id.namespace { return true }
        return grants.contains { grant in
            grant.metadata.id.namespace == name.namespace
                && grant.from.contains {
                    $0.group == resource.kind.group && $0.kind == resource.kind.rawValue
                        && $0.namespace == resource.id.namespace
                }
                && grant.to.contains {
                    $0.group == kind.group && $0.kind == kind.rawValue
                        && ($0.name == nil || $0.name == name.name)
                }
        }
    }

    private static func index(
        _ list: [Metadata], of kind: Kind? = nil
    ) -> [ResourceName: Int] {
        var indices: [ResourceName: Int] = [:]
        for (index, metadata) in list.enumerated() where kind == nil || metadata.kind == kind {
            indices[metadata.id] = index
        }
        return indices
    }

    private static func unique<Resource>(
        _ list: [Resource], _ metadata: KeyPath<Resource, Metadata>, _ report: inout Report
    ) -> [Resource] {
        let sorted = list.sorted { a, b in
            let (a, b) = (a[keyPath: metadata], b[keyPath: metadata])
            return a.id == b.id ? a.place < b.place : a.id < b.id
        }
        var kept: [Resource] = []
        kept.reserveCapacity(sorted.count)
        for resource in sorted {
            let this = resource[keyPath: metadata]
            if let last = kept.last?[keyPath: metadata], last.id == this.id {
                report.error(
                    this.place, this,
                    "there is a \(last.kind.rawValue) \(quoted(this.id.name)) in namespace "
                        + "\(quoted(this.id.namespace)) already, at \(last.place.text)",
                    "rename or remove one of them")
            } else {
                kept.append(resource)
            }
        }
        return kept
    }
}
