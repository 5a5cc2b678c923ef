// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshPolicy
import MeshSnapshot

extension SnapshotDump {
    /// Left out when there are none.
    var residencyPolicies: [JSONText.Member] {
        let table = snapshot.residency
        guard !table.isEmpty else { return [] }
        var members = [
            JSONText.Member("residencyPolicies", .list(table.policies.map(residencyPolicy)))
        ]
        if !table.headers.isEmpty {
            members.append(.init("labelHeaders", .list(table.headers.map(text))))
        }
        if !table.sources.isEmpty {
            let sources = table.sources.map { source in
                JSONText.object([
                    .init("name", .text(source.name)),
                    .init("label", .text(table.labels[source.label])),
                    .init("expression", .text(source.program.text)),
                ])
            }
            members.append(.init("labelSources", .list(sources)))
        }
        if !table.classifiers.isEmpty {
            let classifiers = table.classifiers.map { classifier in
                JSONText.object(
                    [.init("name", .text(snapshot.access.engines[Int(classifier.engine)].name))]
                        + labels(classifier.labels))
            }
            members.append(.init("classifiers", .list(classifiers)))
        }
        return members
    }

    /// The data labels that something gives, unless there are none.
    func labels(_ set: DataLabels) -> [JSONText.Member] {
        let names = snapshot.residency.names(set)
        return names.isEmpty ? [] : [.init("dataLabels", .list(names.map { .text($0) }))]
    }

    /// What a verifier said about an endpoint.
    func attestation(_ attestation: Attestation) -> JSONText {
        .object([
            .init("id", .text(attestation.id)), .init("verifier", .text(attestation.verifier)),
            .init("measurements", .list(attestation.measurements.map { .text($0) })),
            .init("opens", .text(Self.time(attestation.opens))),
            .init("closes", .text(Self.time(attestation.closes))),
        ])
    }

    private static func time(_ time: WallTime) -> String {
        var text: [UInt8] = []
        time.appendRFC3339(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private func residencyPolicy(_ policy: ResidencyPolicy) -> JSONText {
        var members: [JSONText.Member] = [
            .init("name", .text(policy.name)),
            .init("label", .text(snapshot.residency.labels[policy.label])),
            .init("version", .text(policy.version)),
        ]
        if !policy.targets.isEmpty {
            members.append(.init("targets", .list(policy.targets.map { .text($0) })))
        }
        for (name, values) in [
            ("regions", policy.regions), ("jurisdictions", policy.jurisdictions),
            ("providers", policy.providers), ("verifiers", policy.attestation?.verifiers),
            ("measurements", policy.attestation?.measurements),
        ] {
            guard let values, !values.isEmpty else { continue }
            members.append(.init(name, .list(values.map { .text($0) })))
        }
        return .object(members)
    }
}
