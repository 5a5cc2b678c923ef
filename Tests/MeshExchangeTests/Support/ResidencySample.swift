// SPDX-License-Identifier: Apache-2.0

import MeshPolicy
import MeshSnapshot

/// ResidencyPolicies as a test writes them.
struct ResidencySample {
    private var labels: [String] = []
    private var policies: [ResidencyPolicy] = []
    private var sources: [LabelSource] = []
    /// Header fields that list labels.
    var headers: [String] = []
    /// Services that are shown the text; their engines stand in the snapshot's `access`.
    var classifiers: [Classifier] = []
    /// What expressions read; the snapshot's `access` must have the same.
    var layout = FactLayout()

    /// Adds a policy `default/LABEL` that lets data of `label` go to `regions` and so on.
    mutating func add(
        _ label: String, regions: [String]? = nil, jurisdictions: [String]? = nil,
        providers: [String]? = nil, attestation: AttestationDemand? = nil,
        when expressions: String...
    ) throws {
        precondition((labels + [label]).sorted() == labels + [label], "add labels in order")
        labels.append(label)
        let number = labels.count - 1
        policies.append(
            ResidencyPolicy(
                name: "default/\(label)", label: number, regions: regions,
                jurisdictions: jurisdictions, providers: providers, attestation: attestation,
                version: "default/\(label)@1"))
        for text in expressions {
            let program = try Program.compile(
                text, in: Fact.environment, expecting: .dyn, layout: &layout)
            sources.append(
                LabelSource(
                    label: number, program: program, name: "source of \(label)", layout: layout))
        }
    }

    func table(_ backends: [Backend], _ endpoints: [Endpoint]) -> ResidencyTable {
        ResidencyTable(
            labels: labels, policies: policies, headers: headers.map { Array($0.utf8) },
            sources: sources, classifiers: classifiers, backends: backends,
            endpoints: endpoints)
    }
}
