// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshPolicy
import MeshSnapshot

/// Judges where labelled data may be, from what was written alone, and what proxies would do.
///
/// It shares no code with what it judges: not the comparison of regions, not that of evidence. It
/// reads a gate only to ask what a proxy would make of it.
struct ResidencyJudge {
    private let snapshot: Snapshot
    private let time: WallTime
    /// Endpoints that more than one backend has, by authority.
    private let shared: [String: [EndpointID]]

    /// Whether requests on a way carry a label.
    enum Gift: Hashable {
        /// Nothing gives it there.
        case never
        /// Some source may give it.
        case maybe
        /// A target of a policy gives it to each of them; `isKnown` to proxies, too.
        case always(isKnown: Bool)
    }

    init(_ snapshot: Snapshot, at time: WallTime) {
        self.snapshot = snapshot
        self.time = time
        var shared: [String: [EndpointID]] = [:]
        for (number, endpoint) in snapshot.endpoints.enumerated() {
            shared[endpoint.authority, default: []].append(EndpointID(number))
        }
        self.shared = shared.filter { $0.value.count > 1 }
    }

    /// Whether requests that `listener` takes, by `rule` and for `model`, carry the label.
    func gift(of label: Int, _ listener: Listener, _ rule: Rule, _ model: Model?) -> Gift {
        let targets = snapshot.residency.policies.filter { $0.label == label }.flatMap(\.targets)
        let isOfRule = targets.contains { target in
            target == "HTTPRoute/\(rule.route)" || isGateway(target, of: listener)
        }
        let isOfModel = model.map { targets.contains("Model/\($0.resource)") } ?? false
        if isOfRule || isOfModel {
            let known = rule.labels.rawValue | (model?.labels.rawValue ?? 0)
            return .always(isKnown: known >> UInt64(label) & 1 == 1)
        }
        let hasSource =
            !snapshot.residency.headers.isEmpty
            || snapshot.residency.sources.contains { $0.label == label }
            || snapshot.residency.classifiers.contains {
                $0.labels.rawValue >> UInt64(label) & 1 == 1
            }
        return hasSource ? .maybe : .never
    }

    private func isGateway(_ target: String, of listener: Listener) -> Bool {
        // `Gateway/namespace/name` and `namespace/name/listener`.
        let parts = listener.name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return false }
        return target == "Gateway/\(parts[0])/\(parts[1])"
    }

    /// What is to be thought of data of the label at the endpoint, and why.
    func verdict(
        of label: Int, _ gift: Gift, at id: EndpointID
    ) -> (ResidencyPath.Verdict, String) {
        let isOpen = snapshot.residency.gates[Int(id)].admits(
            Carried(DataLabels(number: label), at: time))
        if let objection = objection(to: id, label) {
            switch gift {
            case .never:
                return (
                    .escapes,
                    "\(objection), and this way does not give the label that others to the same "
                        + "place give"
                )
            case .always(isKnown: false):
                return (.escapes, "\(objection), and proxies do not know that it carries the label")
            case .maybe, .always:
                return isOpen
                    ? (.escapes, "\(objection), and proxies would let it pass")
                    : (.stopped, objection)
            }
        }
        if gift == .never { return (.allowed, "") }
        if let contradiction = contradiction(to: id, label) { return (.escapes, contradiction) }
        if !isOpen {
            return (.mistake, "the policies let the data go there, and proxies refuse to")
        }
        if gift == .always(isKnown: false) {
            return (.mistake, "a policy gives the label there, and proxies do not know it")
        }
        return (.allowed, "")
    }

    /// When the evidence ends by which the label may be at the endpoint, or nil when it needs none.
    func end(ofEvidenceFor label: Int, at id: EndpointID) -> WallTime? {
        let needsEvidence = snapshot.residency.policies.contains { policy in
            policy.label == label && policy.attestation != nil
        }
        return needsEvidence ? snapshot.endpoints[Int(id)].attestation?.closes : nil
    }

    /// The endpoint with where it says to be.
    func description(of id: EndpointID) -> String {
        let endpoint = snapshot.endpoints[Int(id)]
        let known = endpoint.labels.filter { ["region", "jurisdiction"].contains($0.key) }
            .map { "\($0.key) \($0.value)" }
        return "endpoint \(endpoint.authority)"
            + (known.isEmpty ? " (nothing says where)" : " (\(known.joined(separator: ", ")))")
    }

    // MARK: Places

    /// Why data of the label may not be at the endpoint, or nil.
    private func objection(to id: EndpointID, _ label: Int) -> String? {
        for policy in snapshot.residency.policies where policy.label == label {
            if let objection = objection(to: snapshot.endpoints[Int(id)], policy) {
                return "\(objection) by ResidencyPolicy \(policy.name)"
            }
        }
        return nil
    }

    private func objection(to endpoint: Endpoint, _ policy: ResidencyPolicy) -> String? {
        if let wanted = policy.regions {
            let region = value("region", of: endpoint)
            let isWithin = wanted.contains { pattern in
                guard let region else { return false }
                if pattern.last == "*" { return region.hasPrefix(String(pattern.dropLast())) }
                return pattern == region
            }
            if !isWithin {
                return region.map { "region \($0) is not allowed" }
                    ?? "an unknown region is not allowed"
            }
        }
        if let wanted = policy.jurisdictions {
            let all = (value("jurisdiction", of: endpoint) ?? "").split(separator: ",")
                .map(Self.trimmed).filter { !$0.isEmpty }
            if all.isEmpty { return "an unknown jurisdiction is not allowed" }
            for one in all where !wanted.contains(one) {
                return "jurisdiction \(one) is not allowed"
            }
        }
        if let wanted = policy.providers {
            let provider = snapshot.backends[Int(endpoint.backend)].provider
            if !wanted.contains(provider) || provider.isEmpty {
                return "provider `\(provider)` is not allowed"
            }
        }
        guard let demand = policy.attestation else { return nil }
        guard let evidence = endpoint.attestation else { return "no evidence is not allowed" }
        if demand.verifiers.firstIndex(of: evidence.verifier) == nil {
            return "evidence of \(evidence.verifier) is not asked for"
        }
        if !demand.measurements.isEmpty,
            Set(demand.measurements).isDisjoint(with: evidence.measurements)
        {
            return "none of the measurements in its evidence is asked for"
        }
        let now = time.nanoseconds
        let holds = evidence.opens.nanoseconds <= now && evidence.closes.nanoseconds > now
        return holds ? nil : "evidence that does not hold now is not allowed"
    }

    private static func trimmed(_ part: Substring) -> String {
        part.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    }

    private func value(_ key: String, of endpoint: Endpoint) -> String? {
        var found: String?
        for label in endpoint.labels where label.key == key { found = label.value }
        return found
    }

    /// Why what the endpoint says of its place cannot be believed: another backend has the same
    /// address and says that it is where the data may not be. Nil when that is not so.
    private func contradiction(to id: EndpointID, _ label: Int) -> String? {
        let endpoint = snapshot.endpoints[Int(id)]
        for other in shared[endpoint.authority] ?? [] where other != id {
            let stranger = snapshot.endpoints[Int(other)]
            for key in ["region", "jurisdiction"] {
                guard let own = value(key, of: endpoint), let its = value(key, of: stranger),
                    own != its, objection(to: other, label) != nil
                else { continue }
                return "\(endpoint.authority) is in \(key) \(own) here and in \(its) as an "
                    + "endpoint of \(snapshot.backends[Int(stranger.backend)].name): one of the "
                    + "two is not true"
            }
        }
        return nil
    }
}
