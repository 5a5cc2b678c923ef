// SPDX-License-Identifier: Apache-2.0

/// Turns documents into resources.
struct ResourceParser {
    /// What was read so far.
    var set = ResourceSet()
    /// What was found wrong so far.
    var diagnostics: [Diagnostic] = []

    /// The class of Gateways that are ours.
    static let gatewayClass = "pinion"

    /// Reads every document of `file`.
    mutating func parse(_ file: SourceFile) {
        for document in YAMLDocument.split(file.text) {
            let outcome = YAMLReader.read(document)
            let resource = outcome.trees.first.map { Self.label($0) } ?? ""
            for problem in outcome.problems {
                let place = Place(
                    file: file.path, line: problem.line, column: problem.column,
                    field: problem.field)
                diagnostics.append(
                    Diagnostic(
                        at: place, resource: resource, message: problem.message,
                        remedy: problem.remedy))
            }
            for tree in outcome.trees {
                readResource(tree, in: file.path, hasProblems: !outcome.problems.isEmpty)
            }
        }
    }

    /// What messages call the resource of `tree`, as far as it says so.
    private static func label(_ tree: YAMLTree) -> String {
        guard let kind = tree["kind"]?.text else { return "" }
        let metadata = tree["metadata"]
        guard let name = metadata?["name"]?.text else { return kind }
        let namespace = metadata?["namespace"]?.text ?? Metadata.defaultNamespace
        return Metadata.label(
            kind: kind, id: ResourceName(namespace: namespace, name: name))
    }

    private mutating func readResource(_ tree: YAMLTree, in file: String, hasProblems: Bool) {
        let resource = Self.label(tree)
        guard case .map = tree.content else {
            report(
                tree, file, "", resource, "expected a resource, found \(tree.kind)",
                "begin the document with `apiVersion:` and `kind:`")
            return
        }
        guard let kind = kind(of: tree, in: file, resource) else { return }
        let root = Cursor(tree: tree, file: file, field: "")
        if kind == .gateway, isForeign(root, resource) { return }
        var check = ShapeCheck(file: file, resource: resource)
        check.check(tree, against: kind.shape)
        diagnostics += check.diagnostics
        let metadata = Metadata(
            kind: kind, root: root, isSound: check.diagnostics.isEmpty && !hasProblems)
        guard !metadata.id.name.isEmpty else { return }
        let spec = root["spec"]
        switch kind {
        case .gateway: set.gateways.append(GatewayResource(metadata: metadata, spec: spec))
        case .httpRoute: set.routes.append(HTTPRouteResource(metadata: metadata, spec: spec))
        case .grpcRoute:
            set.routes.append(HTTPRouteResource(callsOf: metadata, spec: spec))
        case .referenceGrant:
            set.grants.append(ReferenceGrantResource(metadata: metadata, spec: spec))
        case .backendTLSPolicy:
            set.backendTLS.append(BackendTLSPolicyResource(metadata: metadata, spec: spec))
        case .mesh: set.meshes.append(MeshResource(metadata: metadata, spec: spec))
        case .backend: set.backends.append(BackendResource(metadata: metadata, spec: spec))
        case .model: set.models.append(ModelResource(metadata: metadata, spec: spec))
        case .trafficPolicy:
            set.policies.append(TrafficPolicyResource(metadata: metadata, spec: spec))
        case .limitPolicy:
            set.limits.append(LimitPolicyResource(metadata: metadata, spec: spec))
        case .overloadPolicy:
            set.overload.append(OverloadPolicyResource(metadata: metadata, spec: spec))
        case .accessPolicy:
            set.access.append(AccessPolicyResource(metadata: metadata, spec: spec))
        case .residencyPolicy:
            set.residency.append(ResidencyPolicyResource(metadata: metadata, spec: spec))
        case .attestationVerifier:
            set.verifiers.append(AttestationVerifierResource(metadata: metadata, spec: spec))
        case .identityProvider:
            set.identity.append(IdentityProviderResource(metadata: metadata, spec: spec))
        case .certificate:
            set.certificates.append(CertificateResource(metadata: metadata, spec: spec))
        case .trustDomain:
            set.trustDomains.append(TrustDomainResource(metadata: metadata, spec: spec))
        case .rollout:
            set.rollouts.append(RolloutResource(metadata: metadata, spec: spec))
        case .secret: set.secrets.append(SecretResource(metadata: metadata, root: root))
        case .policyEngine:
            set.engines.append(PolicyEngineResource(metadata: metadata, spec: spec))
        }
    }

    /// The kind of `tree`, or nil when it is not ours, which is reported.
    private mutating func kind(
        of tree: YAMLTree, in file: String, _ resource: String
    ) -> Kind? {
        guard let kindTree = tree["kind"], let kindText = kindTree.text else {
            report(
                tree["kind"] ?? tree, file, "kind", resource, "the field is missing",
                "add `kind`: one of \(Self.kindNames)")
            return nil
        }
        guard let versionTree = tree["apiVersion"], let version = versionTree.text else {
            let wanted = Kind(rawValue: kindText)?.apiVersions.first ?? "pinion.dev/v1alpha1"
            report(
                tree, file, "apiVersion", resource, "the field is missing",
                "add `apiVersion: \(wanted)`")
            return nil
        }
        guard let kind = Kind(rawValue: kindText) else {
            let remedy: String
            if let nearest = Suggestion.nearest(
                to: kindText, among: Kind.allCases.map(\.rawValue))
            {
                remedy = "did you mean `\(nearest)`?"
            } else if kindText == "Service" || kindText == "Deployment" {
                remedy = "it exists only in Kubernetes: describe what serves as a `Backend`"
            } else if kindText == FleetShape.kind {
                remedy =
                    "it is no resource of the mesh: name the file with "
                    + "`pinion simulate --fleet`"
            } else {
                remedy = "remove the document or write one of \(Self.kindNames)"
            }
            report(
                kindTree, file, "kind", resource,
                "unknown kind \(quoted(kindText)) of \(quoted(version))", remedy)
            return nil
        }
        guard kind.apiVersions.contains(version) else {
            report(
                versionTree, file, "apiVersion", resource,
                "unknown version \(quoted(version)) of kind `\(kind.rawValue)`",
                "write `apiVersion: \(kind.apiVersions[0])`")
            return nil
        }
        return kind
    }

    private static let kindNames =
        Kind.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")

    /// Whether the Gateway at `root` belongs to somebody else, which is worth a warning.
    private mutating func isForeign(_ root: Cursor, _ resource: String) -> Bool {
        guard let name = root["spec"]?.text("gatewayClassName"),
            name.value != Self.gatewayClass
        else { return false }
        diagnostics.append(
            Diagnostic(
                .warning, at: name.place, resource: resource,
                message: "the Gateway is of class \(quoted(name.value)) and is left to others",
                remedy: "write `gatewayClassName: \(Self.gatewayClass)` if it is meant for us"))
        let metadata = Metadata(kind: .gateway, root: root, isSound: true)
        set.foreignGateways.append(metadata.id)
        return true
    }

    private mutating func report(
        _ tree: YAMLTree, _ file: String, _ field: String, _ resource: String,
        _ message: String, _ remedy: String
    ) {
        diagnostics.append(
            Diagnostic(
                at: Place(file: file, line: tree.line, column: tree.column, field: field),
                resource: resource, message: message, remedy: remedy))
    }
}
