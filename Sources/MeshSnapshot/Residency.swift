// SPDX-License-Identifier: Apache-2.0

package import MeshPolicy

/// Where labelled data may go: every ResidencyPolicy, how requests come by labels, and the gate
/// of every endpoint.
///
/// A label is one name in the whole mesh. A request carries it when any source says so; it may
/// go to an endpoint only when every policy about every label that it carries allows that. What
/// cannot be known counts against: a source that cannot be evaluated gives its label, an endpoint
/// that says nothing about its region is in no region.
package struct ResidencyTable: Sendable {
    /// The labels, sorted; `DataLabels` are numbered by this.
    package let labels: [String]
    /// The policies, in the order of their names.
    package let policies: [ResidencyPolicy]
    /// Names of the header fields, in lower case, that list labels with commas between them.
    package let headers: [[UInt8]]
    /// The expressions that give labels to requests, in the order of their policies.
    package let sources: [LabelSource]
    /// The services that are shown the text of requests and say which labels it carries.
    package let classifiers: [Classifier]
    /// One for each endpoint of the snapshot; empty when there is no policy.
    package var gates: [ResidencyGate]
    /// Whether some source reads what only the body says.
    package let readsBody: Bool

    /// No policy.
    package init() {
        labels = []
        policies = []
        headers = []
        sources = []
        classifiers = []
        gates = []
        readsBody = false
    }

    /// The table of `policies`, which are about `labels`, for the endpoints of a snapshot.
    package init(
        labels: [String], policies: [ResidencyPolicy], headers: [[UInt8]] = [],
        sources: [LabelSource] = [], classifiers: [Classifier] = [], backends: [Backend],
        endpoints: [Endpoint]
    ) {
        self.labels = labels
        self.policies = policies
        self.headers = headers
        self.sources = sources
        self.classifiers = classifiers
        readsBody = !classifiers.isEmpty || sources.contains { $0.readsBody }
        gates =
            policies.isEmpty
            ? []
            : endpoints.map { endpoint in
                ResidencyGate(
                    endpoint, provider: backends[Int(endpoint.backend)].provider, policies)
            }
    }

    /// Whether nothing is ever labelled.
    package var isEmpty: Bool { policies.isEmpty }

    /// The names of `set`, sorted.
    package func names(_ set: DataLabels) -> [String] {
        set.numbers.filter { labels.indices.contains($0) }.map { labels[$0] }
    }

    /// The labels of those names; names that are not known here are left out.
    package func labels(named names: [String]) -> DataLabels {
        var set: DataLabels = []
        for name in names {
            if let number = labels.firstIndex(of: name) { set.insert(DataLabels(number: number)) }
        }
        return set
    }

    /// The policies about any of `set`.
    package func policies(about set: DataLabels) -> [ResidencyPolicy] {
        policies.filter { set.contains(DataLabels(number: $0.label)) }
    }
}

/// A service of somebody else that is shown the text of requests and answers with labels.
package struct Classifier: Hashable, Sendable {
    /// Its number among the engines, by which it is asked, waited for and remembered.
    package var engine: EngineID
    /// The labels that it may give, those of the policies that name it: while it says nothing, it
    /// gives all of them.
    package var labels: DataLabels

    /// The classifier behind `engine`, which may give `labels`.
    package init(engine: EngineID, labels: DataLabels) {
        self.engine = engine
        self.labels = labels
    }
}

/// One ResidencyPolicy: where the data of one label may go.
package final class ResidencyPolicy: Sendable {
    /// `namespace/name`.
    package let name: String
    /// The label that it is about, an index into `ResidencyTable.labels`.
    package let label: Int
    /// Regions that data may go to; one that ends in `*` stands for all that begin like it. Nil
    /// for every region.
    package let regions: [String]?
    /// Jurisdictions that data may go to, or nil for every one. Whoever is subject to several
    /// must be allowed in each.
    package let jurisdictions: [String]?
    /// Providers that data may go to, or nil for every one.
    package let providers: [String]?
    /// What evidence an endpoint must have, or nil for none.
    package let attestation: AttestationDemand?
    /// Everything of which carries the label, `Kind/namespace/name`, for people and for proofs.
    package let targets: [String]
    /// `name@digest`, as receipts show it: the digest changes with what the policy says.
    package let version: String

    /// The policy of the given parts.
    package init(
        name: String, label: Int, regions: [String]? = nil, jurisdictions: [String]? = nil,
        providers: [String]? = nil, attestation: AttestationDemand? = nil,
        targets: [String] = [], version: String
    ) {
        self.name = name
        self.label = label
        self.regions = regions
        self.jurisdictions = jurisdictions
        self.providers = providers
        self.attestation = attestation
        self.targets = targets
        self.version = version
    }
}

/// What evidence an endpoint must have.
package struct AttestationDemand: Hashable, Sendable {
    /// The verifiers whose word counts, `namespace/name`.
    package var verifiers: [String]
    /// Measurements of which the evidence must have one; empty when any will do.
    package var measurements: [String]

    /// Evidence of one of `verifiers`, with one of `measurements`.
    package init(verifiers: [String], measurements: [String] = []) {
        self.verifiers = verifiers
        self.measurements = measurements
    }

    /// Whether `attestation` is such evidence, whatever its time.
    package func isMet(by attestation: Attestation) -> Bool {
        verifiers.contains(attestation.verifier)
            && (measurements.isEmpty
                || attestation.measurements.contains { measurements.contains($0) })
    }
}

/// An expression that gives a label to requests.
package final class LabelSource: Sendable {
    /// The label, an index into `ResidencyTable.labels`.
    package let label: Int
    /// True or false, the name of a label, or a list of names.
    package let program: Program
    /// What explanations call it: `source 2 of policy default/phi`.
    package let name: String
    /// Whether it reads what only the body says.
    package let readsBody: Bool
    /// Whether it reads who the caller is.
    package let readsCaller: Bool

    /// A source called `name`, whose `program` was compiled with `layout`.
    package init(label: Int, program: Program, name: String, layout: FactLayout) {
        self.label = label
        self.program = program
        self.name = name
        let facts = program.slots.compactMap { Fact(rawValue: layout.slots[$0].fact) }
        readsBody = facts.contains { $0.readsBody }
        readsCaller = facts.contains { $0.knownBy != nil }
    }
}

extension ResidencyGate {
    /// What `policies` say about `endpoint`.
    init(_ endpoint: Endpoint, provider: String, _ policies: [ResidencyPolicy]) {
        self.init()
        for policy in policies {
            let label = DataLabels(number: policy.label)
            if policy.objection(to: endpoint, provider: provider) != nil {
                barred.insert(label)
            } else if policy.attestation != nil {
                timed.insert(label)
            }
        }
        if let attestation = endpoint.attestation {
            opens = attestation.opens
            closes = attestation.closes
        }
    }
}

extension ResidencyPolicy {
    /// Why the policy's label may never go to `endpoint`, in words, or nil when it may.
    package func objection(to endpoint: Endpoint, provider: String) -> String? {
        if let regions {
            guard let region = endpoint.region else { return "its region is not known" }
            if !regions.contains(where: { Self.matches($0, region) }) {
                return "region \(region) is not allowed"
            }
        }
        if let jurisdictions {
            let own = endpoint.jurisdictions
            if own.isEmpty { return "its jurisdiction is not known" }
            if let other = own.first(where: { !jurisdictions.contains($0) }) {
                return "jurisdiction \(other) is not allowed"
            }
        }
        if let providers, !providers.contains(provider) {
            return provider.isEmpty
                ? "its provider is not known" : "provider \(provider) is not allowed"
        }
        if let attestation {
            guard let evidence = endpoint.attestation else { return "it has no evidence" }
            if !attestation.isMet(by: evidence) { return "its evidence is of another kind" }
        }
        return nil
    }

    private static func matches(_ pattern: String, _ region: String) -> Bool {
        pattern.utf8.last == UInt8(ascii: "*")
            ? region.utf8.starts(with: pattern.utf8.dropLast()) : pattern == region
    }
}

extension Endpoint {
    /// The value of the label `key`, or nil.
    package func label(_ key: String) -> String? { labels.first { $0.key == key }?.value }

    /// The region that it is said to be in, or nil.
    package var region: String? { label("region") }

    /// The jurisdictions that it is said to be subject to; several stand with commas between them.
    package var jurisdictions: [String] {
        (label("jurisdiction") ?? "").split(separator: ",").map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }.filter { !$0.isEmpty }
    }
}
