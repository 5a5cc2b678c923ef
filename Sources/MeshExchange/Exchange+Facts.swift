// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshIdentity
import MeshPolicy
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// Fills in the facts that rules read, each once a stage and only those that some rule reads.
extension Exchange {
    /// Fills what the rules of `ids` read that are asked in `scope`, but for the destination.
    ///
    /// **Shape** `body` is the collected payload that `facts` was scanned from.
    func fill(
        _ table: inout FactTable, for ids: [AccessID], in scope: AccessScope,
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?
    ) {
        for id in ids {
            let policy = snapshot.access.policies[Int(id)]
            for rule in policy.rules where scope.asks(rule, of: policy) {
                for slot in rule.program.slots where !table.isFilled(slot) {
                    fill(slot, of: &table, head, bytes, body: body)
                }
            }
        }
    }

    /// Fills what rules read about `backend`.
    func fillDestination(_ table: inout FactTable, _ backend: BackendID) {
        for (slot, content) in snapshot.access.layout.slots.enumerated() {
            switch Fact(rawValue: content.fact) {
            case .destinationBackend:
                table.set(slot, text: snapshot.backends[Int(backend)].name)
            case .destinationProvider:
                table.set(slot, text: snapshot.backends[Int(backend)].provider)
            case .destinationRegion: fillLabel(slot, of: &table, "region", backend)
            case .destinationZone: fillLabel(slot, of: &table, "zone", backend)
            case .destinationHardware: fillLabel(slot, of: &table, "hardware", backend)
            case .destinationJurisdictions:
                let all = Set(endpoints(of: backend).flatMap(\.jurisdictions)).sorted()
                table.set(slot, .list(all.map { .string($0) }))
            case .destinationAttested:
                let all = endpoints(of: backend)
                let holds = all.allSatisfy { endpoint in
                    endpoint.attestation?.holds(at: record.startedAt) ?? false
                }
                table.set(slot, .bool(holds && !all.isEmpty))
            default: break
            }
        }
    }

    /// Fills what `engine` is told and what its answers are kept by.
    func fill(
        _ table: inout FactTable, of engine: PolicyEngine, _ head: borrowing RequestHead,
        _ bytes: RawSpan, body: RawSpan?
    ) {
        for told in engine.facts where !table.isFilled(told.slot) {
            fill(told.slot, of: &table, head, bytes, body: body)
        }
        for program in engine.cache?.key ?? [] {
            for slot in program.slots where !table.isFilled(slot) {
                fill(slot, of: &table, head, bytes, body: body)
            }
        }
    }

    private func endpoints(of backend: BackendID) -> ArraySlice<Endpoint> {
        let run = snapshot.backends[Int(backend)].endpoints
        return snapshot.endpoints[Int(run.lowerBound)..<Int(run.upperBound)]
    }

    /// What all endpoints of a backend say alike.
    private func fillLabel(
        _ slot: Int, of table: inout FactTable, _ key: String, _ backend: BackendID
    ) {
        let all = endpoints(of: backend)
        guard let value = all.first?.label(key), all.allSatisfy({ $0.label(key) == value }) else {
            return table.setAbsent(slot)
        }
        table.set(slot, text: value)
    }

    func fill(
        _ slot: Int, of table: inout FactTable, _ head: borrowing RequestHead,
        _ bytes: RawSpan, body: RawSpan?
    ) {
        let content = snapshot.access.layout.slots[slot]
        guard let fact = Fact(rawValue: content.fact) else { return table.setAbsent(slot) }
        switch fact {
        case .sourceAddress: fillSource(slot, of: &table)
        case .sourceIdentity, .sourceKeyID, .sourceKeyOwner, .sourceKeyScopes, .jwtClaims:
            fillCaller(slot, fact, key: content.key, of: &table)
        case .sourceSPIFFEID:
            guard let workload = secured?.workload else { return table.setAbsent(slot) }
            table.set(slot, text: workload.id.description)
        case .sourceNamespace:
            guard let name = secured?.workload?.id.namespace else { return table.setAbsent(slot) }
            table.set(slot, text: name)
        case .requestMethod: table.set(slot, text: bytes.extracting(head.methodRange.range))
        case .requestPath:
            if let canonicalPath {
                table.set(slot, text: unsafe canonicalPath.span.bytes)
            } else {
                table.set(slot, text: bytes.extracting(head.pathRange.range))
            }
        case .requestQuery: table.set(slot, text: bytes.extracting(head.queryRange.range))
        case .requestHost: fillHost(slot, of: &table, bytes.extracting(head.hostNameRange.range))
        case .requestHeaders:
            if let key = content.key {
                fillField(slot, of: &table, called: key, head, bytes)
            } else {
                fillFields(slot, of: &table, head, bytes)
            }
        case .requestID:
            if let callerRequestID {
                table.set(slot, text: unsafe callerRequestID.span.bytes)
            } else {
                var id: [UInt8] = []
                record.requestID.append(to: &id)
                table.set(slot, text: unsafe id.span.bytes)
            }
        case .requestTime: table.set(slot, .timestamp(Timestamp(record.startedAt)))
        case .requestSize:
            switch head.framing {
            case .none: table.set(slot, .int(0))
            case .length(let count): table.set(slot, .int(Int64(clamping: count)))
            case .chunked, .untilClose: table.setAbsent(slot)
            }
        case .aiOperation: table.set(slot, text: operationOfPath(head, bytes).telemetryName)
        case .aiModel: fillModel(slot, of: &table, body: body)
        case .aiStream: table.set(slot, .bool(facts?.stream ?? false))
        case .aiMaxTokens:
            if let most = facts?.maxTokensCeiling {
                table.set(slot, .int(Int64(most)))
            } else {
                table.setAbsent(slot)
            }
        case .aiTokensEstimated: table.set(slot, .int(Int64(clamping: tokensEstimate)))
        case .aiToolCount: table.set(slot, .int(Int64(facts?.toolCount ?? 0)))
        case .aiTools: fillTools(slot, of: &table, body: body)
        case .dataLabels:
            let names = snapshot.residency.names(labels)
            table.set(slot, .list(names.map { .string($0) }))
        case .destinationBackend, .destinationProvider, .destinationRegion, .destinationZone,
            .destinationJurisdictions, .destinationHardware, .destinationAttested:
            table.setAbsent(slot)
        }
    }

    /// What is known of the caller; absent as far as nobody verified it.
    private func fillCaller(
        _ slot: Int, _ fact: Fact, key name: String?, of table: inout FactTable
    ) {
        guard let caller else { return table.setAbsent(slot) }
        switch fact {
        case .sourceIdentity:
            guard let subject = caller.subject else { return table.setAbsent(slot) }
            table.set(slot, text: subject)
        case .jwtClaims:
            guard let name else {
                guard let all = caller.allClaims else { return table.setAbsent(slot) }
                return table.set(slot, .map(all))
            }
            guard let value = caller.claim(name) else { return table.setAbsent(slot) }
            table.set(slot, value)
        default:
            guard let key = caller.key else { return table.setAbsent(slot) }
            switch fact {
            case .sourceKeyID: table.set(slot, text: key.id)
            case .sourceKeyOwner: table.set(slot, text: key.owner)
            default: table.set(slot, caller.scopes)
            }
        }
    }

    /// An IPv4 address that came in the form of an IPv6 one is the same caller.
    private func fillSource(_ slot: Int, of table: inout FactTable) {
        let text = unsafe peer.span.bytes
        let isMapped =
            text.byteCount > 7 && text.extracting(first: 7).equalsIgnoringCase("::ffff:")
            && peer.contains(UInt8(ascii: "."))
        table.set(slot, text: isMapped ? text.extracting(7..<text.byteCount) : text)
    }

    /// Hosts have no case, and a dot at their end changes nothing.
    private func fillHost(_ slot: Int, of table: inout FactTable, _ host: RawSpan) {
        var host = host
        if host.byteCount > 1, host[host.byteCount - 1] == UInt8(ascii: ".") {
            host = host.extracting(0..<(host.byteCount - 1))
        }
        for i in 0..<host.byteCount where host[i] &- UInt8(ascii: "A") < 26 {
            table.set(slot, text: host.text.lowercased())
            return
        }
        table.set(slot, text: host)
    }

    private func fillField(
        _ slot: Int, of table: inout FactTable, called key: String,
        _ head: borrowing RequestHead, _ bytes: RawSpan
    ) {
        let name = key.utf8Span
        let wanted = unsafe name.span.bytes
        for field in head.fields
        where bytes.extracting(field.nameRange.range).equalsIgnoringCase(wanted) {
            if table.isFilled(slot) { return table.setAmbiguous(slot) }
            table.set(slot, text: bytes.extracting(field.valueRange.range))
        }
        if !table.isFilled(slot) { table.setAbsent(slot) }
    }

    /// All fields as one map.
    private func fillFields(
        _ slot: Int, of table: inout FactTable, _ head: borrowing RequestHead, _ bytes: RawSpan
    ) {
        var names: [String] = []
        var values: [String] = []
        for field in head.fields {
            let name = bytes.extracting(field.nameRange.range).text.lowercased()
            let value = bytes.extracting(field.valueRange.range).text
            if let known = names.firstIndex(of: name) {
                values[known] += ", \(value)"
            } else {
                names.append(name)
                values.append(value)
            }
        }
        let map = try? MapValue(
            keys: names.map { .string($0) }, values: values.map { .string($0) })
        if let map { table.set(slot, .map(map)) } else { table.setAmbiguous(slot) }
    }

    /// The names of tools; ambiguous when one of them is.
    private func fillTools(_ slot: Int, of table: inout FactTable, body: RawSpan?) {
        guard let facts, facts.toolCount > 0 else { return table.set(slot, .list([])) }
        guard let body, let names = ToolNames.read(facts, in: body, most: Fact.toolsMax) else {
            return table.setAmbiguous(slot)
        }
        table.set(slot, .list(names.map { .string($0) }))
    }

    /// The model by the name of its resource where it has a fixed one, so that no alias gets past
    /// a rule; else what the body says, as a server would read it.
    private func fillModel(_ slot: Int, of table: inout FactTable, body: RawSpan?) {
        if model >= 0, !snapshot.models[Int(model)].isWildcard {
            let models = snapshot.models
            let name = models[Int(model)].name
            return table.set(slot, text: unsafe name.span.bytes)
        }
        guard let body, let facts, let range = facts.model else {
            return table.set(slot, text: "")
        }
        let written = body.extracting(range.range)
        guard facts.modelHasEscapes else { return table.set(slot, text: written) }
        guard let plain = try? JSONStringDecoder.decode(written) else {
            return table.setAmbiguous(slot)
        }
        table.set(slot, text: unsafe plain.span.bytes)
    }
}

extension Program {
    /// Whether it reads what recordings blot out.
    func readsSecret(_ layout: FactLayout) -> Bool {
        slots.contains { slot in
            switch Fact(rawValue: layout.slots[slot].fact) {
            case .requestHeaders:
                layout.slots[slot].key.map { HeadRedaction.mayBlot($0.lowercased()) } ?? true
            case .jwtClaims:
                layout.slots[slot].key.map { SecretName.isSecret($0.lowercased()) } ?? true
            case .requestQuery: true
            default: false
            }
        }
    }
}
