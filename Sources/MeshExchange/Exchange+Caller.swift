// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshIdentity
import MeshPolicy
import MeshSnapshot
import MeshTelemetry
package import MeshWire

/// Who the caller is: asked once the rule is known, before any access rule, and once more when
/// the model has IdentityProviders of its own.
///
/// ```
///  rule found ──> credential? ──> remembered, or checked ──> caller ──> access rules
///                    │ none            │ no such key
///                    │                 └──> Step.awaitsKeys ──> keysSettled ──> checked once more
///                    └──> nobody, or refused with 401
/// ```
///
/// A caller that connected with a certificate of a TrustDomain needs none where a provider takes
/// that. A credential is read from `authorization` (a bearer token or API key) and, for API keys,
/// `x-api-key` and `api-key`; never from a query or a body. Two of them are refused.
///
/// Invariant: without a provider nothing here costs more than looking at an empty array.
extension Exchange {
    /// Finds out who the caller is, for the rule. Answers a refusal, or the wait for keys, or nil
    /// when the request may go on.
    mutating func identifyCaller(
        _ head: borrowing RequestHead, _ bytes: RawSpan, isLast: Bool, shard: inout Shard,
        at now: Instant
    ) -> Step? {
        let ids = snapshot.rules[Int(rule)].identity
        if ids.isEmpty { return nil }
        return settle(
            verdict(ids, head, bytes, isLast: isLast, &shard, at: now), shard: &shard, at: now)
    }

    /// The same for the model, unless one of its providers knows the caller already.
    mutating func identifyForModel(
        _ head: borrowing RequestHead, _ bytes: RawSpan, isLast: Bool, shard: inout Shard,
        at now: Instant
    ) -> Step? {
        guard model >= 0 else { return nil }
        let ids = snapshot.models[Int(model)].identity
        if ids.isEmpty || (caller != nil && ids.contains(callerProvider)) { return nil }
        return settle(
            verdict(ids, head, bytes, isLast: isLast, &shard, at: now), shard: &shard, at: now)
    }

    /// Keys that `Step.awaitsKeys` asked for were fetched, or could not be.
    ///
    /// **Shape** `body` is the collected payload when there is one.
    package mutating func keysSettled(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, shard: inout Shard,
        at now: Instant
    ) -> Step {
        guard phase == .identifying else { return Step() }
        note(.keysSettled, shard, at: now)
        waitDeadline = .distantFuture
        updateDeadline()
        return noted(resume(head, bytes, body: body, shard: &shard, at: now), &shard)
    }

    private mutating func resume(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, shard: inout Shard,
        at now: Instant
    ) -> Step {
        // A model was chosen: it is its providers that were waited for.
        if model >= 0 {
            if let step = identifyForModel(head, bytes, isLast: true, shard: &shard, at: now) {
                return step
            }
            assignKnownCaller(head, bytes, shard: &shard, at: now)
            return enter(head, bytes, body: body, shard: &shard, at: now)
        }
        if let step = identifyCaller(head, bytes, isLast: true, shard: &shard, at: now) {
            return step
        }
        return examine(head, bytes, shard: &shard, at: now)
    }

    /// What follows from `verdict`.
    private mutating func settle(
        _ verdict: IdentityVerdict, shard: inout Shard, at now: Instant
    ) -> Step? {
        switch verdict {
        case .nobody:
            shard.countIdentity(.nobody, provider: nil, of: snapshot)
            return nil
        case .known(let found, let provider):
            caller = found
            callerProvider = provider
            record.caller = CallerName(
                provider: snapshot.identity[Int(provider)].name, subject: found.subject,
                workload: secured?.workload?.id.description)
            shard.countIdentity(.known, provider: provider, of: snapshot)
            return nil
        case .missing:
            shard.countIdentity(.missing, provider: nil, of: snapshot)
            return refuse(Refusal(.unauthenticated), shard: &shard, at: now)
        case .refused(let fault, let provider):
            shard.countIdentity(.refused, provider: provider, of: snapshot)
            return refuse(
                Refusal(.invalidCredential, message: fault.message), shard: &shard, at: now)
        case .wanted(let provider):
            phase = .identifying
            callerProvider = provider
            waitDeadline = now + Limits.keysAwaited
            updateDeadline()
            var step = Step()
            step.awaitsKeys = provider
            return step
        case .unavailable(let provider):
            shard.countIdentity(.unavailable, provider: provider, of: snapshot)
            let name = snapshot.identity[Int(provider)].name
            return refuse(
                Refusal(
                    .identityUnavailable,
                    message: "IdentityProvider \(name) has no keys to check credentials with at "
                        + "present; try again"),
                shard: &shard, at: now)
        case .busy(let provider):
            shard.countIdentity(.unavailable, provider: provider, of: snapshot)
            return refuse(
                Refusal(
                    .identityUnavailable,
                    message: "too many credentials that were never seen before come at once; try "
                        + "again"),
                shard: &shard, at: now)
        }
    }

    /// Refuses a request whose wait for keys was too long.
    mutating func refuseUnidentified(shard: inout Shard, at now: Instant) -> Step {
        settle(.unavailable(provider: callerProvider), shard: &shard, at: now) ?? Step()
    }

    private mutating func verdict(
        _ ids: [IdentityID], _ head: borrowing RequestHead, _ bytes: RawSpan, isLast: Bool,
        _ shard: inout Shard, at now: Instant
    ) -> IdentityVerdict {
        var verdict = judge(ids, head, bytes, isLast: isLast, &shard, at: now)
        if let tape {
            verdict = tape.identity(verdict, in: snapshot)
            tape.say(.identify, verdict.said(in: snapshot))
        }
        return verdict
    }

    private mutating func judge(
        _ ids: [IdentityID], _ head: borrowing RequestHead, _ bytes: RawSpan, isLast: Bool,
        _ shard: inout Shard, at now: Instant
    ) -> IdentityVerdict {
        // Heads of recordings have no credentials left in them.
        if tape?.isReplay == true { return .nobody }
        let providers = snapshot.identity
        let readsKeys = ids.contains { providers[Int($0)].readsKeys }
        let isOptional = ids.allSatisfy { providers[Int($0)].isOptional }
        let readsTokens = ids.contains { providers[Int($0)].readsTokens }
        let found = Credentials(head, bytes, readsKeys: readsKeys, readsTokens: readsTokens)
        let wall = shard.wallTime(now)
        callerField = found.field
        switch found.kind {
        case .none:
            if let known = judgeCertificate(ids) { return known }
            return isOptional || shard.callers.world == .simulated ? .nobody : .missing
        case .several: return .refused(.several, provider: nil)
        case .key:
            guard let id = ids.first(where: { providers[Int($0)].readsKeys }) else {
                return .refused(.foreign, provider: nil)
            }
            return judgeKey(
                bytes.extracting(found.range.range), ids, isFirst: id, &shard, at: wall)
        case .token:
            let candidates = ids.filter { providers[Int($0)].readsTokens }
            if candidates.isEmpty {
                if let known = judgeCertificate(ids) { return known }
                // What is in `authorization` may be for the upstream.
                return isOptional ? .nobody : .refused(.foreign, provider: nil)
            }
            return shard.callers.judge(
                token: bytes.extracting(found.range.range), by: candidates, of: providers,
                isLast: isLast, at: now, wall)
        }
    }

    /// The workload that the caller connected as, where that makes it known.
    private func judgeCertificate(_ ids: [IdentityID]) -> IdentityVerdict? {
        guard let workload = secured?.caller else { return nil }
        for id in ids where snapshot.identity[Int(id)].method == .certificates {
            return .known(workload, provider: id)
        }
        return nil
    }

    /// A key may be in the file of any provider of keys.
    private func judgeKey(
        _ text: RawSpan, _ ids: [IdentityID], isFirst first: IdentityID, _ shard: inout Shard,
        at wall: WallTime
    ) -> IdentityVerdict {
        var verdict = IdentityVerdict.refused(.foreign, provider: first)
        for id in ids where snapshot.identity[Int(id)].readsKeys {
            verdict = shard.callers.judge(
                key: text, by: snapshot.identity[Int(id)], id, at: wall)
            if case .refused(let fault, _) = verdict, fault.label == "unknown-key" { continue }
            return verdict
        }
        return verdict
    }
}

/// What a request brings to prove who sends it.
private struct Credentials {
    enum Kind {
        /// Nothing that any provider reads.
        case none
        /// More than one thing.
        case several
        /// An API key of this mesh.
        case key
        /// A bearer token.
        case token
    }

    /// What it is.
    private(set) var kind = Kind.none
    /// Where it stands.
    private(set) var range = ByteRange.empty
    /// The field that it stands in.
    private(set) var field = FieldName.other

    init(
        _ head: borrowing RequestHead, _ bytes: RawSpan, readsKeys: Bool, readsTokens: Bool
    ) {
        var authorizations = 0
        for slot in head.fields {
            switch slot.name {
            case .authorization:
                authorizations += 1
                guard authorizations == 1 else {
                    kind = .several
                    return
                }
                guard let token = Self.bearer(slot.valueRange, bytes) else { continue }
                let isKey = APIKeySet.isKey(bytes.extracting(token.range))
                take(isKey ? .key : .token, token, slot.name, readsTokens)
            case .xAPIKey, .apiKey:
                guard readsKeys, APIKeySet.isKey(bytes.extracting(slot.valueRange.range)) else {
                    continue
                }
                take(.key, slot.valueRange, slot.name, readsTokens)
            default: continue
            }
            if kind == .several { return }
        }
    }

    private mutating func take(
        _ found: Kind, _ range: ByteRange, _ field: FieldName, _ readsTokens: Bool
    ) {
        // Where tokens are nobody's business, one beside an API key is for the upstream, and the
        // key says who the caller is.
        if !readsTokens, kind == .key, found == .token { return }
        if kind == .none || (!readsTokens && kind == .token && found == .key) {
            (kind, self.range, self.field) = (found, range, field)
        } else {
            kind = .several
        }
    }

    /// What stands behind `Bearer `, or nil when the scheme is another.
    ///
    /// **Source** RFC 6750 section 2.1; RFC 9110 section 11.1: schemes have no case.
    private static func bearer(_ range: ByteRange, _ bytes: RawSpan) -> ByteRange? {
        let value = bytes.extracting(range.range)
        guard value.byteCount > 7, value.extracting(0..<6).equalsIgnoringCase("bearer"),
            value[6] == UInt8(ascii: " ")
        else { return nil }
        var start = range.start + 7
        while start < range.end, bytes[start] == UInt8(ascii: " ") { start += 1 }
        return ByteRange(start, range.end)
    }
}

extension IdentityVerdict {
    /// What happened, in words without any part of a credential.
    func said(in snapshot: Snapshot) -> String {
        func name(_ provider: Int32) -> String { snapshot.identity[Int(provider)].name }
        switch self {
        case .nobody: return "no credential was sent, and none is needed"
        case .missing: return "no credential was sent, and one is needed"
        case .known(let caller, let provider):
            let kind =
                caller.key.map { "API key \($0.id)" }
                ?? (caller.claims == nil ? "its certificate" : "a token")
            let whom = caller.subject.map { "`\($0)`" } ?? "nobody in particular"
            return "IdentityProvider \(name(provider)) knows the caller as \(whom), by \(kind)"
        case .refused(let fault, let provider):
            let by = provider.map { "IdentityProvider \(name($0)) refuses" } ?? "refused:"
            return "\(by) the credential (\(fault.label)): \(fault.message)"
        case .wanted(let provider):
            return "the keys of IdentityProvider \(name(provider)) are asked for"
        case .unavailable(let provider):
            return "IdentityProvider \(name(provider)) has no keys that could be used"
        case .busy: return "too many signatures are to be checked"
        }
    }
}
