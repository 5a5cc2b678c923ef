// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshWire

/// What a statement of a verifier about a machine must be to be believed.
///
/// Such a statement (an attestation result, an EAT) is a signed token as any other; what differs is
/// that nobody sends it with a request: it lies in a file, is read once, and holds for a time.
///
/// **Source** RFC 9334 (RATS), RFC 9711 (EAT) section 4; draft-ietf-rats-ear, which has no `exp`.
package struct EvidencePolicy: Sendable, Hashable {
    /// The only value of `iss`, compared byte by byte.
    package var issuer: String
    /// Values of `aud` of which one must be there; empty when every audience is taken.
    package var audiences: [String]
    /// The only algorithms.
    package var algorithms: [SignatureAlgorithm]
    /// How long a statement counts after its `iat`, or nil for as long as it says itself.
    package var maxAge: Nanoseconds?

    /// A policy of the given parts.
    package init(
        issuer: String, audiences: [String] = [], algorithms: [SignatureAlgorithm],
        maxAge: Nanoseconds? = nil
    ) {
        self.issuer = issuer
        self.audiences = audiences
        self.algorithms = algorithms
        self.maxAge = maxAge
    }

    /// What a statement says and for how long.
    package struct Statement: Sendable, Hashable {
        /// What it is called: its `jti`, else the beginning of its digest.
        package var id: String
        /// Whom it is about, its `sub` or `ueid`, or nil when it does not say.
        package var subject: String?
        /// Everything that it says.
        package var claims: JSONTree
        /// When it begins to hold.
        package var opens: WallTime
        /// From when on it does not hold any more.
        package var closes: WallTime
    }

    /// What `bytes`, a token with blanks around it at most, says. Whether it holds now is left to
    /// whoever uses it.
    ///
    /// **Errors** what is wrong with it, its signature checked last.
    package func read(
        _ bytes: [UInt8], _ keys: KeySet
    ) throws(TokenFault) -> Statement {
        let text = Self.trimmed(bytes)
        let token = try CompactToken(unsafe text.span.bytes)
        let signed = token.signed
        guard algorithms.contains(signed.algorithm) else { throw .algorithmNotAllowed }
        guard Self.types.contains(signed.type ?? "jwt") else { throw .wrongType }
        guard let issuer = token.issuer else { throw .missingClaim }
        guard issuer.utf8.elementsEqual(self.issuer.utf8) else { throw .unknownIssuer }
        try checkAudience(token)
        let (opens, closes) = try span(of: token.claims)
        switch keys.key(called: signed.keyID, for: signed.algorithm) {
        case .found(let key):
            guard signed.isSigned(with: key) else { throw .badSignature }
        case .unknown: throw .unknownKey
        case .ambiguous: throw .ambiguousKey
        }
        let name = token.claims["jti"]?.text ?? ""
        let isUsable = !name.isEmpty && name.utf8.count <= Limits.subjectBytesMax
        return Statement(
            id: isUsable
                ? name
                : String(Digest(of: unsafe text.span.bytes).hexadecimal.prefix(Self.idDigits)),
            subject: token.claims["sub"]?.text ?? token.claims["ueid"]?.text,
            claims: token.claims, opens: opens, closes: closes)
    }

    private static let types = ["jwt", "eat+jwt", "ear+jwt"]
    private static let idDigits = 16

    private func checkAudience(_ token: CompactToken) throws(TokenFault) {
        if audiences.isEmpty { return }
        guard let written = token.claims["aud"],
            let named = written.text.map({ [$0] }) ?? written.texts
        else { throw .missingClaim }
        let isOurs = named.contains { name in
            audiences.contains { $0.utf8.elementsEqual(name.utf8) }
        }
        guard isOurs else { throw .wrongAudience }
    }

    /// From `nbf`, else `iat`, to `exp` or the greatest age, whichever comes first; one of the two
    /// must be there.
    private func span(
        of claims: JSONTree
    ) throws(TokenFault) -> (opens: WallTime, closes: WallTime) {
        let issued = try Self.time(claims["iat"])
        var closes = try Self.time(claims["exp"])
        if let maxAge {
            guard let issued else { throw .missingClaim }
            let (sum, isOver) = issued.nanoseconds.addingReportingOverflow(maxAge.rawValue)
            let end = WallTime(nanoseconds: isOver ? .max : sum)
            closes = min(closes ?? end, end)
        }
        guard let closes else { throw .missingClaim }
        let opens = try Self.time(claims["nbf"]) ?? issued ?? WallTime(nanoseconds: .min)
        return (opens, closes)
    }

    /// A NumericDate in whole seconds; nil when there is none.
    private static func time(_ written: JSONTree?) throws(TokenFault) -> WallTime? {
        guard let written else { return nil }
        guard case .int(let seconds) = written else { throw .missingClaim }
        let (product, isOver) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return WallTime(nanoseconds: isOver ? (seconds > 0 ? .max : .min) : product)
    }

    private static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        var all = bytes[...]
        while let first = all.first, isBlank(first) { all.removeFirst() }
        while let last = all.last, isBlank(last) { all.removeLast() }
        return Array(all)
    }
}
