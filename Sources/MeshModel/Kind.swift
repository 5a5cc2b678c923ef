// SPDX-License-Identifier: Apache-2.0

/// The kinds of resources we know.
package enum Kind: String, Sendable, Hashable, CaseIterable {
    /// An address and ports to listen on (Gateway API).
    case gateway = "Gateway"
    /// Rules for HTTP requests (Gateway API).
    case httpRoute = "HTTPRoute"
    /// Rules for calls of gRPC (Gateway API).
    case grpcRoute = "GRPCRoute"
    /// Permission for references into a namespace (Gateway API).
    case referenceGrant = "ReferenceGrant"
    /// How a Backend is spoken to in TLS (Gateway API).
    case backendTLSPolicy = "BackendTLSPolicy"
    /// Settings of the whole mesh.
    case mesh = "Mesh"
    /// Where traffic can go.
    case backend = "Backend"
    /// A logical model name.
    case model = "Model"
    /// Time limits, retries, balancing and health of what it targets.
    case trafficPolicy = "TrafficPolicy"
    /// How much of what it targets may be used, in which time.
    case limitPolicy = "LimitPolicy"
    /// How much at once what it targets is given, and who waits.
    case overloadPolicy = "OverloadPolicy"
    /// Who may do what with what it targets.
    case accessPolicy = "AccessPolicy"
    /// A service that AccessPolicies ask.
    case policyEngine = "PolicyEngine"
    /// Where data of one label may go.
    case residencyPolicy = "ResidencyPolicy"
    /// Whose signed word about machines counts.
    case attestationVerifier = "AttestationVerifier"
    /// Who is believed about whom a request comes from.
    case identityProvider = "IdentityProvider"
    /// A certificate of ours with its key.
    case certificate = "Certificate"
    /// Whose word about workloads counts.
    case trustDomain = "TrustDomain"
    /// How a canary takes over from what is stable.
    case rollout = "Rollout"
    /// Values that must not be shown (Kubernetes).
    case secret = "Secret"

    /// The API group.
    package var group: String {
        switch self {
        case .gateway, .httpRoute, .grpcRoute, .referenceGrant, .backendTLSPolicy:
            "gateway.networking.k8s.io"
        case .mesh, .backend, .model, .trafficPolicy, .limitPolicy, .overloadPolicy, .accessPolicy,
            .policyEngine, .residencyPolicy, .attestationVerifier, .identityProvider, .certificate,
            .trustDomain, .rollout:
            "pinion.dev"
        case .secret: ""
        }
    }

    /// The values of `apiVersion`, the preferred one first.
    package var apiVersions: [String] {
        switch self {
        case .gateway, .httpRoute, .grpcRoute: ["\(group)/v1"]
        case .referenceGrant: ["\(group)/v1", "\(group)/v1beta1"]
        case .backendTLSPolicy: ["\(group)/v1", "\(group)/v1alpha3"]
        case .mesh, .backend, .model, .trafficPolicy, .limitPolicy, .overloadPolicy, .accessPolicy,
            .policyEngine, .residencyPolicy, .attestationVerifier, .identityProvider, .certificate,
            .trustDomain, .rollout:
            ["\(group)/v1alpha1"]
        case .secret: ["v1"]
        }
    }

    /// One line about what it is for.
    package var note: String {
        switch self {
        case .gateway: "Where the proxy listens: addresses, ports, hostnames."
        case .httpRoute: "Which requests go where, and how they are changed on the way."
        case .grpcRoute: "Which calls of gRPC go where, by service and method."
        case .referenceGrant: "Permission for resources of other namespaces to refer to yours."
        case .backendTLSPolicy: "Encryption towards Backends: which certificates are taken there."
        case .mesh: "Settings of the whole mesh; there is at most one."
        case .backend: "Where traffic can go: endpoints, a DNS name or a URL."
        case .model: "A model name that callers use, and what serves it."
        case .trafficPolicy:
            "Time limits, retries, balancing and health checks of what it targets."
        case .limitPolicy:
            "How many requests and tokens, and how much money, what it targets may use."
        case .overloadPolicy:
            "How many requests Backends work on at once, who waits and who is turned away."
        case .accessPolicy: "Which requests may use what it targets, by rules in CEL."
        case .policyEngine:
            "A policy service of yours that rules may ask: Envoy's ext_authz, or OPA."
        case .residencyPolicy: "Which data carries a label, and where such data may go."
        case .attestationVerifier:
            "Whose signed word about endpoints counts as evidence, for `attestation` of a "
                + "ResidencyPolicy."
        case .identityProvider:
            "Whom callers of what it targets must be known by: an issuer of tokens, or API keys."
        case .certificate: "A certificate with its private key, in files that may change."
        case .trustDomain:
            "Who says which workload somebody is: the authorities of a SPIFFE trust domain."
        case .rollout:
            "How a canary takes over step by step, and what must hold for it to go on."
        case .secret:
            "Values that are never shown, for `credential.secretRef` of a Backend and certificates "
                + "of a Gateway; its fields stand beside `metadata`, there is no `spec`."
        }
    }

    /// The fields of `spec`.
    package var spec: [Field] {
        switch self {
        case .gateway: GatewayShape.spec
        case .httpRoute: HTTPRouteShape.spec
        case .grpcRoute: GRPCRouteShape.spec
        case .referenceGrant: ReferenceGrantShape.spec
        case .backendTLSPolicy: BackendTLSPolicyShape.spec
        case .mesh: MeshShape.spec
        case .backend: BackendShape.spec
        case .model: ModelShape.spec
        case .trafficPolicy: TrafficPolicyShape.spec
        case .limitPolicy: LimitPolicyShape.spec
        case .overloadPolicy: OverloadPolicyShape.spec
        case .accessPolicy: AccessPolicyShape.spec
        case .policyEngine: PolicyEngineShape.spec
        case .residencyPolicy: ResidencyPolicyShape.spec
        case .attestationVerifier: AttestationVerifierShape.spec
        case .identityProvider: IdentityProviderShape.spec
        case .certificate: CertificateShape.spec
        case .trustDomain: TrustDomainShape.spec
        case .rollout: RolloutShape.spec
        case .secret: SecretShape.fields
        }
    }

    /// Whether a resource without `spec` makes sense.
    private var needsSpec: Bool { self != .mesh && self != .model }

    /// The whole resource.
    package var shape: Shape {
        let common = [
            Field("apiVersion", .choice(apiVersions), required: true, "the version of the kind"),
            Field("kind", .choice([rawValue]), required: true, "the kind"),
            Field("metadata", .object(Self.metadata), required: true, "its name and namespace"),
        ]
        if self == .secret { return .object(common + spec) }
        return .object(
            common + [
                Field("spec", .object(spec), required: needsSpec, "what is wanted"),
                Field("status", .ignored, "written by control planes; not read"),
            ])
    }

    /// The fields of `metadata`. What only a Kubernetes API server writes is not read.
    package static let metadata: [Field] = [
        Field("name", .text(.subdomain), required: true, "the name, unique per kind and namespace"),
        Field("namespace", .text(.label), fallback: "default", "the namespace"),
        Field("labels", .labels, "names and values for your own use"),
        Field("annotations", .labels, "names and values for tools"),
        Field(
            "creationTimestamp", .text(.timestamp),
            "when it was created; of two routes that are equally specific the older wins"),
        Field("uid", .ignored, "written by Kubernetes; not read"),
        Field("resourceVersion", .ignored, "written by Kubernetes; not read"),
        Field("generation", .ignored, "written by Kubernetes; not read"),
        Field("managedFields", .ignored, "written by Kubernetes; not read"),
        Field("ownerReferences", .ignored, "written by Kubernetes; not read"),
        Field("finalizers", .ignored, "written by Kubernetes; not read"),
    ]
}
