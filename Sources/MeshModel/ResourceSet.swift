// SPDX-License-Identifier: Apache-2.0

/// Everything an operator wrote, typed, in the order it was written.
///
/// Resources with mistakes are in it as far as they could be read, so that one run finds as many
/// mistakes as possible; `isComplete` tells whether it may be used.
package struct ResourceSet: Hashable, Sendable {
    /// The Gateways of our class.
    package var gateways: [GatewayResource] = []
    /// The names of Gateways of other classes: routes may refer to them, and nothing happens.
    package var foreignGateways: [ResourceName] = []
    /// The HTTPRoutes, and GRPCRoutes as what they are in HTTP.
    package var routes: [HTTPRouteResource] = []
    /// The ReferenceGrants.
    package var grants: [ReferenceGrantResource] = []
    /// The Meshes; more than one is a mistake.
    package var meshes: [MeshResource] = []
    /// The Backends.
    package var backends: [BackendResource] = []
    /// The Models.
    package var models: [ModelResource] = []
    /// The TrafficPolicies.
    package var policies: [TrafficPolicyResource] = []
    /// The LimitPolicies.
    package var limits: [LimitPolicyResource] = []
    /// The OverloadPolicies.
    package var overload: [OverloadPolicyResource] = []
    /// The AccessPolicies.
    package var access: [AccessPolicyResource] = []
    /// The ResidencyPolicies.
    package var residency: [ResidencyPolicyResource] = []
    /// The AttestationVerifiers.
    package var verifiers: [AttestationVerifierResource] = []
    /// The IdentityProviders.
    package var identity: [IdentityProviderResource] = []
    /// The Secrets.
    package var secrets: [SecretResource] = []
    /// The BackendTLSPolicies.
    package var backendTLS: [BackendTLSPolicyResource] = []
    /// The Certificates.
    package var certificates: [CertificateResource] = []
    /// The TrustDomains.
    package var trustDomains: [TrustDomainResource] = []
    /// The Rollouts.
    package var rollouts: [RolloutResource] = []
    /// The PolicyEngines.
    package var engines: [PolicyEngineResource] = []
    /// Whether parsing found no error.
    package var isComplete = true

    /// Nothing.
    package init() {}
}

extension ResourceSet {
    /// What `files` hold, and everything that is wrong with it, sorted. Never fails: what cannot
    /// be read is reported and left out.
    ///
    /// **Complexity** O(n) in the size of the text.
    package static func parse(_ files: [SourceFile]) -> (ResourceSet, [Diagnostic]) {
        var parser = ResourceParser()
        for file in files.sorted(by: { $0.path < $1.path }) { parser.parse(file) }
        parser.set.isComplete = !parser.diagnostics.contains { $0.severity == .error }
        return (parser.set, parser.diagnostics.sorted())
    }
}

/// What `files` hold, and everything that is wrong with it; see `ResourceSet.parse`.
package func parse(_ files: [SourceFile]) -> (ResourceSet, [Diagnostic]) {
    ResourceSet.parse(files)
}
