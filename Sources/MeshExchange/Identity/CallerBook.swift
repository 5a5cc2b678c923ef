// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshIdentity
import MeshSnapshot
import MeshWire

/// What a shard knows of callers: keys to judge credentials with, and the credentials it judged.
///
/// Invariant: a credential is judged by all of it, in the same way each time, and nothing of it is
/// kept but a hash.
package struct CallerBook: Sendable {
    /// How credentials are judged.
    package enum World: UInt8, Sendable {
        /// As they must be.
        case real
        /// For a request that is only imagined: a credential that was written down counts as
        /// sound, whoever signed it.
        case imagined
        /// For imagined callers, who have no credentials: they are nobody, and pass.
        case simulated
    }

    private struct Held: Sendable {
        var material: IdentityMaterial
        /// Differs for every material that was ever held.
        var generation: UInt64
    }

    /// How credentials are judged.
    package var world = World.real
    private var held: [String: Held] = [:]
    private var generation: UInt64 = 0
    private var cache = TokenCache()
    /// When each provider's keys may be asked for again because a token names an unknown one.
    private var askedAgainAt: [String: Instant] = [:]
    /// Signatures that may be checked at once, in hundredths.
    private var checks = Limits.signatureBurst * 100
    private var checksAt = Instant(nanoseconds: 0)

    /// Takes `material` for the providers that know it as `name`; what was found out with the
    /// former one is void.
    package mutating func adopt(_ material: IdentityMaterial, as name: String) {
        generation += 1
        held[name] = Held(material: material, generation: generation)
    }

    /// Forgets the material that is called none of `names`.
    package mutating func keep(_ names: [String]) {
        held = held.filter { names.contains($0.key) }
        askedAgainAt = askedAgainAt.filter { names.contains($0.key) }
    }

    /// Whether there is material called `name`.
    package func holds(_ name: String) -> Bool { held[name] != nil }

    /// Who bears the API key `text`.
    mutating func judge(
        key text: RawSpan, by provider: IdentityProvider, _ id: IdentityID, at wall: WallTime
    ) -> IdentityVerdict {
        if world == .imagined {
            return .known(
                Caller(.init(id: "imagined", owner: "imagined", scopes: [])), provider: id)
        }
        guard case .apiKeys(let set, let callers)? = held[provider.material]?.material else {
            return .unavailable(provider: id)
        }
        do throws(APIKey.Fault) {
            let key = try set.key(matching: text)
            try key.check(at: wall)
            guard let caller = callers[key.id] else { return .unavailable(provider: id) }
            return .known(caller, provider: id)
        } catch {
            return .refused(IdentityFault(error), provider: id)
        }
    }

    /// Who bears `token`, by one of `candidates`, which all read tokens. `isLast` when no fetched
    /// key will be waited for.
    mutating func judge(
        token: RawSpan, by candidates: [IdentityID], of providers: [IdentityProvider],
        isLast: Bool, at now: Instant, _ wall: WallTime
    ) -> IdentityVerdict {
        guard token.byteCount <= MeshIdentity.Limits.tokenBytesMax else {
            return .refused(IdentityFault(.tooLarge), provider: nil)
        }
        if world == .imagined { return imagine(token, candidates) }
        let digest = Digest(of: token)
        for id in candidates {
            if let known = remembered(digest, by: providers[Int(id)], id, at: now, wall) {
                return known
            }
        }
        do throws(TokenFault) {
            let read = try CompactToken(token)
            for id in candidates {
                guard case .tokens(let policy, _) = providers[Int(id)].method,
                    candidates.count == 1 || policy.issuer == read.issuer
                else { continue }
                let claimed = try policy.check(read, at: wall)
                let request = Question(
                    token: read, claimed: claimed, digest: digest, provider: providers[Int(id)],
                    id: id, isLast: isLast)
                return try answer(request, at: now, wall)
            }
            throw .unknownIssuer
        } catch {
            return .refused(IdentityFault(error), provider: candidates.first)
        }
    }

    private struct Question {
        var token: CompactToken
        var claimed: TokenPolicy.Claimed
        var digest: Digest
        var provider: IdentityProvider
        var id: IdentityID
        var isLast: Bool
    }

    private func remembered(
        _ digest: Digest, by provider: IdentityProvider, _ id: IdentityID, at now: Instant,
        _ wall: WallTime
    ) -> IdentityVerdict? {
        guard let held = held[provider.material],
            case .keys(_, let usableUntil) = held.material, now < usableUntil
        else { return nil }
        let key = TokenCache.Key(
            digest: digest, generation: held.generation, fingerprint: provider.fingerprint)
        switch cache.finding(key, at: wall) {
        case .caller(let caller)?: return .known(caller, provider: id)
        case .fault(let fault)?: return .refused(IdentityFault(fault), provider: id)
        case nil: return nil
        }
    }

    /// What is left is the signature.
    private mutating func answer(
        _ question: Question, at now: Instant, _ wall: WallTime
    ) throws(TokenFault) -> IdentityVerdict {
        let name = question.provider.material
        guard let held = held[name], case .keys(let set, let usableUntil) = held.material,
            now < usableUntil
        else {
            return question.isLast
                ? .unavailable(provider: question.id) : .wanted(provider: question.id)
        }
        let signed = question.token.signed
        switch set.key(called: signed.keyID, for: signed.algorithm) {
        case .ambiguous: throw .ambiguousKey
        case .unknown:
            if question.isLast || !mayAskAgain(name, at: now) { throw .unknownKey }
            return .wanted(provider: question.id)
        case .found(let key):
            guard takeCheck(at: now) else { return .busy(provider: question.id) }
            let place = TokenCache.Key(
                digest: question.digest, generation: held.generation,
                fingerprint: question.provider.fingerprint)
            guard signed.isSigned(with: key) else {
                let end = WallTime(nanoseconds: wall.nanoseconds &+ Limits.faultKept.rawValue)
                cache.keep(.fault(.badSignature), as: place, until: end)
                throw .badSignature
            }
            let caller = Caller(
                subject: question.claimed.subject, claims: question.token.claims)
            cache.keep(.caller(caller), as: place, until: question.claimed.expires)
            return .known(caller, provider: question.id)
        }
    }

    /// Whether the keys called `name` may be asked for because of a key that they lack; then not
    /// for a while again.
    private mutating func mayAskAgain(_ name: String, at now: Instant) -> Bool {
        if let next = askedAgainAt[name], now < next { return false }
        askedAgainAt[name] = now + Limits.askedAgain
        return true
    }

    /// Takes one check of a signature from the budget.
    private mutating func takeCheck(at now: Instant) -> Bool {
        // A hundredth of a check comes back each so many nanoseconds; what is left of the time
        // counts the next time.
        let each = 10_000_000 / Int64(Limits.signaturesPerSecond)
        let back = max(0, (now - checksAt).rawValue) / each
        checksAt = checksAt + Nanoseconds(back * each)
        checks = Int(min(Int64(checks) + back, Int64(Limits.signatureBurst * 100)))
        guard checks >= 100 else { return false }
        checks -= 100
        return true
    }

    private func imagine(_ token: RawSpan, _ candidates: [IdentityID]) -> IdentityVerdict {
        guard let read = try? CompactToken(token), let first = candidates.first else {
            return .refused(IdentityFault(TokenFault.malformed), provider: candidates.first)
        }
        let caller = Caller(subject: read.claims["sub"]?.text, claims: read.claims)
        return .known(caller, provider: first)
    }
}
