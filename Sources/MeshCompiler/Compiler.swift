// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshModel
package import MeshSnapshot

/// Turns what was written into what is needed: resources and resolved names into a snapshot.
///
/// ```
///  resources ──> catalog ──> policies ──> backends ──> listeners ──> models ──> routes ──> ports
///                    └────────────────── diagnostics ───────────────────────────┘
/// ```
///
/// Every stage goes on after a mistake, so that one run reports all of them; with any error
/// there is no snapshot. Resources are sorted by name first: the order in which they were
/// written, or in which files were read, changes nothing.
///
/// Invariant: this room never resolves a name, reads a file or looks at a clock.
package struct Compiler {
    /// The resources, sorted.
    let catalog: Catalog
    /// What discovery resolved.
    let resolved: ResolvedNames
    /// What was found wrong so far.
    var report: Report
    /// What TrafficPolicies say about which resource.
    var policies: PolicyBook
    /// What LimitPolicies say about which resource.
    let limits: LimitBook
    /// What OverloadPolicies say about which Backend.
    let overload: OverloadBook
    /// What AccessPolicies say about which resource.
    let access: AccessBook
    /// What ResidencyPolicies say.
    let residency: ResidencyBook
    /// What AttestationVerifiers said about endpoints.
    var evidence: EvidenceBook
    /// What IdentityProviders say about which resource.
    let identity: IdentityBook
    /// What callers are told apart by where each keeps its target.
    let sticky: StickyBook
    /// The backends so far, in the order of the catalog.
    var backends: [Backend] = []
    /// Their endpoints.
    var endpoints: [Endpoint] = []
    /// The names to resolve.
    var names: [DNSName] = []
    /// Which backends something refers to, by index.
    var usedBackends: [Bool] = []
    /// The listeners of every Gateway.
    var listeners: [ListenerDraft] = []
    /// The models, with their targets resolved, in the order of the catalog.
    var modelDrafts: [ModelDraft] = []
    /// The models so far.
    var models: [Model] = []
    /// The Models that comparisons ask how much two texts mean the same, and where they are named.
    var embedders: [Embedder] = []
    var embedderPlaces: [Place: Int] = [:]
    /// The rules so far.
    var rules: [Rule] = []
    /// The plans of Rollouts so far, in the order of the catalog.
    var rollouts: [RolloutPlan] = []
    /// The matches that were reported as equal to those of another route.
    var reportedConflicts: Set<Place> = []

    /// The snapshot of `resources`, with `version`, and everything that is wrong with them.
    ///
    /// **Shape** `shares` says what Rollouts give their canaries at present; one that is not there
    /// is at its beginning. Equal input gives an equal snapshot, whatever the order of files,
    /// documents and
    /// resolved addresses.
    /// **Complexity** O(n log n) in the number of resources and matches.
    package static func compile(
        _ resources: ResourceSet, resolved: ResolvedNames,
        evidence files: EvidenceFiles = EvidenceFiles(), shares: [RolloutShare] = [],
        version: UInt64
    ) -> Compilation {
        var report = Report(isQuiet: !resources.isComplete)
        let catalog = Catalog(resources, &report)
        let policies = PolicyBook(catalog, &report)
        let limits = LimitBook(catalog, &report)
        var access = AccessBook(catalog, &report)
        let residency = ResidencyBook(catalog, &access.layout, &report)
        let overload = OverloadBook(catalog, &access.layout, &report)
        let identity = IdentityBook(catalog, &report)
        let sticky = StickyBook(catalog, &access.layout, &report)
        let evidence = EvidenceBook(catalog, files, &report)
        var compiler = Compiler(
            catalog: catalog, resolved: resolved, report: report, policies: policies,
            limits: limits, overload: overload, access: access, residency: residency,
            evidence: evidence, identity: identity, sticky: sticky)
        compiler.checkSecrets()
        compiler.checkTrustDomains()
        compiler.compileBackends()
        compiler.checkEncryptedEngines()
        compiler.compileListeners()
        compiler.resolveModels()
        compiler.resolveEmbedders()
        compiler.attachModels()
        compiler.compileRoutes()
        compiler.compileRollouts(shares)
        compiler.openAskedListeners()
        compiler.checkLimits()
        compiler.attachAccess()
        compiler.attachResidency()
        compiler.checkIdentity()
        compiler.checkComparisons()
        compiler.checkCredentials()
        compiler.checkAskedListeners()
        compiler.reportUnused()
        let snapshot = compiler.snapshot(version: version)
        let isUsable = resources.isComplete && !compiler.report.hasErrors
        return Compilation(
            snapshot: isUsable ? snapshot : nil,
            diagnostics: compiler.report.diagnostics.sorted(),
            names: compiler.uniqueNames, files: compiler.evidence.paths,
            secrets: isUsable ? SecretValues(catalog.secrets) : SecretValues())
    }

    private init(
        catalog: Catalog, resolved: ResolvedNames, report: Report, policies: PolicyBook,
        limits: LimitBook, overload: OverloadBook, access: AccessBook, residency: ResidencyBook,
        evidence: EvidenceBook, identity: IdentityBook, sticky: StickyBook
    ) {
        self.catalog = catalog
        self.resolved = resolved
        self.report = report
        self.policies = policies
        self.limits = limits
        self.overload = overload
        self.access = access
        self.residency = residency
        self.evidence = evidence
        self.identity = identity
        self.sticky = sticky
    }

    private var uniqueNames: [DNSName] {
        var unique: [DNSName] = []
        for name in names.sorted() where unique.last != name { unique.append(name) }
        return unique
    }

    /// What nothing leads to. With errors elsewhere, that is mostly their consequence.
    private mutating func reportUnused() {
        guard !report.hasErrors else { return }
        for (index, isUsed) in usedBackends.enumerated() where !isUsed {
            let backend = catalog.backends[index].metadata
            report.warning(
                backend.place, backend, "nothing refers to the Backend",
                "refer to it from an HTTPRoute or a Model, or remove it")
        }
        for listener in listeners where listener.entries.isEmpty && listener.models.isEmpty {
            report.warning(
                listener.resource.name.place, listener.gateway,
                "nothing is attached to listener \(quoted(listener.resource.name.value)): "
                    + "every request is refused",
                "attach an HTTPRoute or a Model with `parentRefs`, or remove it")
        }
    }

    private func snapshot(version: UInt64) -> Snapshot {
        let mesh = catalog.mesh
        return Snapshot(
            version: version, ports: ports(), rules: rules, backends: backends,
            endpoints: endpoints, models: models, usageLimits: limits.limits,
            overload: overload.policies,
            access: access.table(with: residency.classifiers.map(\.engine)),
            residency: residency.table(
                backends, endpoints, enginesBefore: access.engineCount),
            identity: identity.providers, stickyKeys: sticky.keys,
            rollouts: RolloutTable(plans: rollouts, stateDirectory: mesh?.stateDirectory),
            embedders: embedders, limits: connectionLimits(mesh),
            telemetry: telemetry(mesh),
            drainTimeout: mesh?.drainTimeout ?? .seconds(30),
            upgradeTimeout: mesh?.upgradeTimeout ?? .seconds(900),
            retryBudget: mesh?.retryBudget.map { budget in
                RetryBudgetPolicy(
                    percent: budget.percent ?? 20, minPerSecond: budget.minPerSecond ?? 10)
            })
    }
}
