// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshWire

/// What a token of one issuer must say to be believed.
package struct TokenPolicy: Sendable, Hashable {
    /// The only value of `iss`, compared byte by byte.
    package var issuer: String
    /// Values of `aud` of which one must be there; empty when every audience is taken.
    package var audiences: [String]
    /// The only algorithms.
    package var algorithms: [SignatureAlgorithm]
    /// The values of `typ` that are taken, in lower case; without `typ` a token counts as `jwt`.
    package var types: [String]
    /// How far clocks may differ.
    package var clockSkew: Nanoseconds

    /// A policy of the given parts.
    package init(
        issuer: String, audiences: [String], algorithms: [SignatureAlgorithm],
        types: [String] = ["jwt", "at+jwt"], clockSkew: Nanoseconds = .seconds(60)
    ) {
        self.issuer = issuer
        self.audiences = audiences
        self.algorithms = algorithms
        self.types = types
        self.clockSkew = clockSkew
    }

    /// What a token says of whom, once nothing but its signature is left to be checked.
    package struct Claimed: Sendable, Hashable {
        /// Whom it is about, or nil when it does not say.
        package var subject: String?
        /// From then on it must not be believed, skew included.
        package var expires: WallTime
    }

    /// Checks everything of `token` but its signature. It costs little, so it goes first.
    ///
    /// **Source** RFC 7519 section 4.1; RFC 9068 section 4 for `at+jwt`, whose `aud` and `sub`
    /// must be there; RFC 8725 sections 3.8 to 3.11.
    package func check(
        _ token: CompactToken, at wall: WallTime
    ) throws(TokenFault) -> Claimed {
        guard algorithms.contains(token.signed.algorithm) else { throw .algorithmNotAllowed }
        let type = token.signed.type ?? "jwt"
        guard types.contains(type) else { throw .wrongType }
        guard let issuer = token.issuer else { throw .missingClaim }
        guard issuer.utf8.elementsEqual(self.issuer.utf8) else { throw .unknownIssuer }
        try checkAudience(token, isRequired: type == "at+jwt")
        guard let expires = Self.time(token.claims["exp"]) else { throw .missingClaim }
        let end = Self.sum(expires, clockSkew)
        guard wall < end else { throw .expired }
        if let written = token.claims["nbf"] {
            guard let start = Self.time(written) else { throw .missingClaim }
            guard Self.sum(start, Nanoseconds(-clockSkew.rawValue)) <= wall else {
                throw .notYetValid
            }
        }
        return Claimed(
            subject: try subject(token, isRequired: type == "at+jwt"), expires: end)
    }

    private func checkAudience(
        _ token: CompactToken, isRequired: Bool
    ) throws(TokenFault) {
        guard let written = token.claims["aud"] else {
            if isRequired || !audiences.isEmpty { throw .missingClaim }
            return
        }
        guard let named = written.text.map({ [$0] }) ?? written.texts else { throw .missingClaim }
        if audiences.isEmpty { return }
        let isOurs = named.contains { name in
            audiences.contains { $0.utf8.elementsEqual(name.utf8) }
        }
        guard isOurs else { throw .wrongAudience }
    }

    private func subject(_ token: CompactToken, isRequired: Bool) throws(TokenFault) -> String? {
        guard let written = token.claims["sub"] else {
            if isRequired { throw .missingClaim }
            return nil
        }
        guard let text = written.text, text.utf8.count <= Limits.subjectBytesMax else {
            throw .missingClaim
        }
        return text
    }

    /// A NumericDate as a point on the calendar; what is past the calendar's end stays there.
    private static func time(_ written: JSONTree?) -> WallTime? {
        switch written {
        case .int(let seconds):
            let (product, isOver) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            return WallTime(nanoseconds: isOver ? (seconds > 0 ? .max : .min) : product)
        case .double(let seconds):
            let nanoseconds = seconds * 1e9
            if nanoseconds >= 9.2e18 { return WallTime(nanoseconds: .max) }
            if nanoseconds <= -9.2e18 { return WallTime(nanoseconds: .min) }
            return WallTime(nanoseconds: Int64(nanoseconds))
        default: return nil
        }
    }

    private static func sum(_ time: WallTime, _ length: Nanoseconds) -> WallTime {
        let (sum, isOver) = time.nanoseconds.addingReportingOverflow(length.rawValue)
        return WallTime(nanoseconds: isOver ? (length.rawValue > 0 ? .max : .min) : sum)
    }
}
