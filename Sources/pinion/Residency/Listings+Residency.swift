// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshPolicy
import MeshProxy
import MeshSnapshot

extension Listings {
    /// Every ResidencyPolicy with what gives its label and where the data may go.
    static func residency(_ snapshot: Snapshot) -> [[(String, Cell)]] {
        let table = snapshot.residency
        let headers = table.headers.map { "header " + String(decoding: $0, as: UTF8.self) }
        return table.policies.map { policy in
            let sources = table.sources.filter { $0.label == policy.label }.map(\.program.text)
            let demand = policy.attestation.map { ($0.verifiers + $0.measurements) } ?? []
            return [
                ("policy", .text(policy.name)), ("label", .text(table.labels[policy.label])),
                ("regions", .text((policy.regions ?? ["*"]).joined(separator: ", "))),
                ("jurisdictions", .text((policy.jurisdictions ?? ["*"]).joined(separator: ", "))),
                ("providers", .text((policy.providers ?? ["*"]).joined(separator: ", "))),
                ("evidence", .text(demand.joined(separator: ", "))),
                ("given_by", .text((headers + sources + policy.targets).joined(separator: ", "))),
            ]
        }
    }

    /// Where an endpoint is, and how its evidence stands.
    static func place(_ id: EndpointID, _ snapshot: Snapshot) -> [(String, Cell)] {
        guard snapshot.endpoints.indices.contains(Int(id)) else { return [] }
        let endpoint = snapshot.endpoints[Int(id)]
        let now = WallTime(
            nanoseconds: Int64(truncatingIfNeeded: LiveWorld.now().nanoseconds)
                + LiveWorld.wallOffset())
        var evidence = ""
        if let attestation = endpoint.attestation {
            var end: [UInt8] = []
            attestation.closes.appendRFC3339(to: &end)
            evidence =
                attestation.holds(at: now)
                ? "until \(String(decoding: end, as: UTF8.self))"
                : now < attestation.opens ? "not yet" : "expired"
        }
        return [
            ("region", .text(endpoint.region ?? "")),
            ("jurisdiction", .text(endpoint.label("jurisdiction") ?? "")),
            ("evidence", .text(evidence)),
        ]
    }
}
