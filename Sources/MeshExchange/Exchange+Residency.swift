// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshPolicy
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// Which labels the data of a request carries, and where it therefore may go.
///
/// ```
///  head (and body) read ──> sources say labels ──> targets that may have them ──> access, limits
///                                                                                      │
///          every attempt, fallback and copy: Fleet.pick with what is carried <─────────┘
/// ```
///
/// The labels are found before anything is drawn, so that a share of a model's traffic that may
/// not have them falls to the others. Where they may go is decided in one place, the fleet's pick;
/// what is here looks ahead, so that a request with no way out is refused before it is charged,
/// and says why.
///
/// Invariant: without a ResidencyPolicy nothing here costs more than looking at an empty array.
extension Exchange {
    /// What goes with the request wherever it goes.
    func carried(_ shard: borrowing Shard, at now: Instant) -> Carried {
        labels.isEmpty ? .nothing : Carried(labels, at: shard.wallTime(now))
    }

    /// Finds the labels that the head and the route give. Answers a refusal, or nil.
    mutating func labelHead(
        _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) -> Step? {
        if snapshot.residency.isEmpty { return nil }
        let ofRule = snapshot.rules[Int(rule)].labels
        if !ofRule.isEmpty { carry(ofRule, because: "its route") }
        for name in snapshot.residency.headers {
            guard let listed = labels(listedIn: name, head, bytes) else {
                let field = String(decoding: name, as: UTF8.self)
                tape?.say(.residency, "\(field) names a label that no policy is about")
                return refuse(
                    Refusal(
                        .residencyDenied,
                        message: "the header \(field) names a data label that no ResidencyPolicy "
                            + "is about, so nobody knows where this data may go; correct it, or "
                            + "write a policy for the label"),
                    shard: &shard, at: now)
            }
            if !listed.isEmpty {
                carry(listed, because: "header \(String(decoding: name, as: UTF8.self))")
            }
        }
        let knowsCaller = !snapshot.rules[Int(rule)].identity.isEmpty
        label(
            from: { !$0.readsBody && (knowsCaller || !$0.readsCaller) }, head, bytes, body: nil,
            shard: &shard)
        return nil
    }

    /// Finds the labels that depend on who the caller is, where only the model asks for that.
    mutating func labelCaller(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, shard: inout Shard
    ) {
        if snapshot.residency.isEmpty || !snapshot.rules[Int(rule)].identity.isEmpty { return }
        label(from: { $0.readsCaller && !$0.readsBody }, head, bytes, body: body, shard: &shard)
    }

    /// Finds the labels that the body and the model give, now that the model is known or there
    /// is none.
    mutating func labelBody(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, shard: inout Shard
    ) {
        if snapshot.residency.isEmpty { return }
        if model >= 0, !snapshot.models[Int(model)].labels.isEmpty {
            carry(snapshot.models[Int(model)].labels, because: "the model")
        }
        if !snapshot.residency.readsBody { return }
        if knowsBody(head, body) {
            label(from: \.readsBody, head, bytes, body: body, shard: &shard)
            // On behalf of another proxy nobody is shown a body.
            if isAsked, body != nil { carryUnclassified() }
            return
        }
        carryUnclassified()
        // What was not read cannot be known.
        for source in snapshot.residency.sources where source.readsBody {
            carry(
                DataLabels(number: source.label),
                because: "\(source.name), which needs the body, and that is not read here")
        }
    }

    /// Takes what classifiers may give where none of them is asked.
    private mutating func carryUnclassified() {
        for classifier in snapshot.residency.classifiers {
            let name = snapshot.access.engines[Int(classifier.engine)].name
            carry(
                classifier.labels,
                because: "\(name), which would have to read the body, and that is not read here")
        }
    }

    /// Whether it is known what the body says: it was read for its facts, or there is none.
    private func knowsBody(_ head: borrowing RequestHead, _ body: RawSpan?) -> Bool {
        if body != nil, isAsked || snapshot.rules[Int(rule)].needsFacts { return true }
        guard head.framing == .none else { return false }
        // A proxy that asks may leave out that there is one.
        return !isAsked || method != .post && method != .put && method != .patch
    }

    /// Whether some endpoint of `backend` may have what the request carries; true of a backend
    /// without any endpoint, of which nothing is known.
    func mayReach(_ backend: BackendID, _ carried: Carried) -> Bool {
        if carried.labels.isEmpty || backend < 0 { return true }
        let gates = snapshot.residency.gates
        var isEmpty = true
        for id in snapshot.backends[Int(backend)].endpoints
        where snapshot.endpoints[Int(id)].weight > 0 {
            if gates[Int(id)].admits(carried) { return true }
            isEmpty = false
        }
        return isEmpty
    }

    /// Whether a request that carries this can be served by `model`, by a target or a fallback.
    func mayReach(model id: ModelID, _ carried: Carried) -> Bool {
        if carried.labels.isEmpty { return true }
        let model = snapshot.models[Int(id)]
        return (model.targets.filter { $0.weight > 0 } + model.fallbacks)
            .contains { mayReach($0.backend, carried) }
    }

    /// Refuses a request that may go nowhere, before anything is charged. Answers nil when it has
    /// a way.
    mutating func refuseWithoutWay(shard: inout Shard, at now: Instant) -> Step? {
        if labels.isEmpty { return nil }
        keepLabels()
        let carried = carried(shard, at: now)
        if mayReach(backend, carried) { return nil }
        if model >= 0 {
            for fallback in snapshot.models[Int(model)].fallbacks
            where mayReach(fallback.backend, carried) {
                return nil
            }
        }
        return refuse(residencyRefusal(carried), shard: &shard, at: now)
    }

    /// Why `engine` may not be asked about the request: what it would be told may not be where it
    /// is. Nil when it may.
    func refusal(toAsk engine: PolicyEngine, _ carried: Carried) -> Refusal? {
        if mayReach(engine.backend, carried) { return nil }
        let names = snapshot.residency.names(carried.labels).joined(separator: ", ")
        let reason = snapshot.reason(against: engine.backend, carried) ?? ""
        return Refusal(
            .residencyDenied,
            message: "this request carries the data label \(names), policy engine "
                + "\(engine.name) must be asked about it, and there is no place for it: \(reason)")
    }

    /// Why the request may not go to the present backend, nor to any fallback behind it.
    func residencyRefusal(_ carried: Carried) -> Refusal {
        var reasons = [snapshot.reason(against: backend, carried)]
        if model >= 0 {
            for fallback in snapshot.models[Int(model)].fallbacks.prefix(Limits.toldReasons) {
                reasons.append(snapshot.reason(against: fallback.backend, carried))
            }
        }
        let names = snapshot.residency.names(carried.labels).joined(separator: ", ")
        let told = reasons.compactMap { $0 }.joined(separator: "; ")
        return Refusal(
            .residencyDenied,
            message: "this request carries the data label \(names) and there is no place for it: "
                + told)
    }

    /// Notes that the request is about to go to `pick`. Answers whether it can be written down: a
    /// hop that cannot is not made.
    ///
    /// **Shape** `exposed` are labels that it may turn out to carry.
    mutating func noteHop(
        _ pick: Pick, _ kind: ResidencyReceipt.Hop.Kind, exposing exposed: DataLabels = [],
        _ shard: borrowing Shard
    ) -> Bool {
        let labels = labels.union(exposed)
        if labels.isEmpty { return true }
        keepLabels()
        guard shard.keepsReceipts else { return false }
        let endpoint = snapshot.endpoints[Int(pick.endpoint)]
        let backend = snapshot.backends[Int(endpoint.backend)]
        let isTimed =
            !snapshot.residency.gates[Int(pick.endpoint)].timed.isDisjoint(with: labels)
        let hop = ResidencyReceipt.Hop(
            kind: kind, backend: backend.name, endpoint: endpoint.authority,
            region: endpoint.region, jurisdiction: endpoint.label("jurisdiction"),
            provider: backend.provider.isEmpty ? nil : backend.provider,
            attestation: isTimed ? endpoint.attestation?.id : nil)
        let known = record.residency ?? ResidencyReceipt(labels: [], policies: [])
        guard let receipt = known.adding(hop) else { return false }
        record.residency = receipt
        return true
    }

    /// The refusal of a request whose next hop cannot be written down.
    func unwritten(_ shard: borrowing Shard) -> Refusal {
        guard shard.keepsReceipts else {
            return Refusal(
                .residencyDenied, status: 503,
                message: "this request carries a data label, and its receipt could not be "
                    + "written: the access log is full or too slow; try again later")
        }
        return Refusal(
            .residencyDenied,
            message: "the request was sent as often as can be written down for labelled data, "
                + "and is not sent again; allow it fewer attempts, fallbacks or mirrors")
    }

    // MARK: Labels

    mutating func carry(_ found: DataLabels, because reason: String) {
        let new = found.subtracting(labels)
        labels.formUnion(found)
        guard !new.isEmpty, let tape else { return }
        let names = snapshot.residency.names(new).joined(separator: ", ")
        tape.say(.residency, "it carries the data label \(names), because of \(reason)")
    }

    /// Begins the receipt, or brings its labels up to date.
    mutating func keepLabels() {
        if labels.isEmpty { return }
        let names = snapshot.residency.names(labels)
        if record.residency?.labels == names { return }
        record.residency = ResidencyReceipt(
            labels: names, policies: snapshot.residency.policies(about: labels).map(\.version),
            hops: record.residency?.hops ?? [])
    }

    /// The labels that fields called `name` list; nil when one of them is not known.
    private func labels(
        listedIn name: [UInt8], _ head: borrowing RequestHead, _ bytes: RawSpan
    ) -> DataLabels? {
        var found: DataLabels = []
        let wanted = unsafe name.span.bytes
        var isKnown = true
        for field in head.fields
        where bytes.extracting(field.nameRange.range).equalsIgnoringCase(wanted) {
            let value = bytes.extracting(field.valueRange.range).text.lowercased()
            for item in value.split(separator: ",") {
                let name = item.trimmed
                if name.isEmpty { continue }
                if let number = snapshot.residency.labels.firstIndex(of: name) {
                    found.insert(DataLabels(number: number))
                } else {
                    isKnown = false
                }
            }
        }
        return recorded(found, isKnown, name)
    }

    /// The same as it was, where the recording that is replayed has the field blotted out.
    private func recorded(_ found: DataLabels, _ isKnown: Bool, _ name: [UInt8]) -> DataLabels? {
        let field = String(decoding: name, as: UTF8.self)
        guard let tape, HeadRedaction.mayBlot(field) else { return isKnown ? found : nil }
        var then: DataLabels = []
        for (number, label) in snapshot.residency.labels.enumerated() {
            let says = found.contains(DataLabels(number: number))
            let verdict = tape.verdict(says ? .holds : .fails, of: "label \(label) in \(field)")
            if case .holds = verdict { then.insert(DataLabels(number: number)) }
        }
        let all = tape.verdict(isKnown ? .holds : .fails, of: "labels in \(field) are known")
        if case .holds = all { return then }
        return nil
    }

    /// Evaluates those sources that `isAsked` takes.
    private mutating func label(
        from isAsked: (LabelSource) -> Bool, _ head: borrowing RequestHead, _ bytes: RawSpan,
        body: RawSpan?, shard: inout Shard
    ) {
        let sources = snapshot.residency.sources
        guard sources.contains(where: isAsked) else { return }
        var table = shard.takeFacts(for: snapshot)
        for source in sources where isAsked(source) {
            let number = DataLabels(number: source.label)
            if labels.contains(number) { continue }
            for slot in source.program.slots where !table.isFilled(slot) {
                fill(slot, of: &table, head, bytes, body: body)
            }
            var verdict = gives(source, table)
            if let tape, source.program.readsSecret(snapshot.access.layout) {
                verdict = tape.verdict(verdict, of: source.name)
            }
            switch verdict {
            case .fails: break
            case .holds: carry(number, because: source.name)
            case .unknown:
                carry(number, because: "\(source.name), which cannot be evaluated")
            }
        }
        shard.putBack(&table, of: snapshot)
    }

    /// Whether `source` gives its label. What is neither a condition nor names of labels is as
    /// good as nothing said, and counts as unknown.
    private func gives(_ source: LabelSource, _ table: FactTable) -> Verdict {
        if source.program.type == .bool { return source.program.verdict(table) }
        let wanted = snapshot.residency.labels[source.label]
        do {
            switch try source.program.value(table) {
            case .bool(let holds): return holds ? .holds : .fails
            case .string(let text): return Self.lists(text, wanted) ? .holds : .fails
            case .list(let values):
                for value in values {
                    guard case .string(let text) = value else {
                        return .unknown(EvaluationFault(.invalidArgument, ""))
                    }
                    if Self.lists(text, wanted) { return .holds }
                }
                return .fails
            default: return .unknown(EvaluationFault(.invalidArgument, ""))
            }
        } catch {
            return .unknown(error)
        }
    }

    /// Whether `text`, names with commas between them, holds the name `wanted`.
    private static func lists(_ text: String, _ wanted: String) -> Bool {
        text.lowercased().split(separator: ",").contains { $0.trimmed == wanted }
    }
}

extension Substring {
    /// The text without blanks around it.
    fileprivate var trimmed: String {
        var text = self
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return String(text)
    }
}

extension Snapshot {
    /// Why what is `carried` may not go to `backend`, in words; nil when it may.
    func reason(against backend: BackendID, _ carried: Carried) -> String? {
        guard backend >= 0 else { return nil }
        let name = backends[Int(backend)].name
        for id in backends[Int(backend)].endpoints {
            let gate = residency.gates[Int(id)]
            if gate.admits(carried) { continue }
            let endpoint = endpoints[Int(id)]
            for policy in residency.policies(about: carried.labels) {
                guard let reason = reason(against: endpoint, name, policy, gate, carried) else {
                    continue
                }
                return "\(name) (\(reason), ResidencyPolicy \(policy.name))"
            }
            return name
        }
        return nil
    }

    private func reason(
        against endpoint: Endpoint, _ backend: String, _ policy: ResidencyPolicy,
        _ gate: ResidencyGate, _ carried: Carried
    ) -> String? {
        let label = DataLabels(number: policy.label)
        if gate.barred.contains(label) {
            return policy.objection(
                to: endpoint, provider: backends[Int(endpoint.backend)].provider)
        }
        guard gate.timed.contains(label), !gate.admits(carried) else { return nil }
        return carried.time < gate.opens
            ? "its evidence does not hold yet" : "its evidence has expired"
    }
}
