// SPDX-License-Identifier: Apache-2.0

/// Why a token does not say who somebody is.
///
/// The words name what is wrong and never what stands in the token: they go to callers, logs and
/// recordings.
package enum TokenFault: Error, Sendable, Hashable, CaseIterable {
    /// It is not three parts of base64url, the first two of which hold JSON objects.
    case malformed
    /// It is larger than `Limits.tokenBytesMax`.
    case tooLarge
    /// It asks for an algorithm that its issuer is not trusted with: `none`, a shared secret, or
    /// one that was not configured.
    case algorithmNotAllowed
    /// Its head brings a key, an address of keys, compression, or something critical that is not
    /// understood.
    case unsupportedHeader
    /// It is a token for another purpose.
    case wrongType
    /// No issuer of that name is trusted here.
    case unknownIssuer
    /// It is for others.
    case wrongAudience
    /// A claim that must be there is missing or of another type.
    case missingClaim
    /// Its time is over.
    case expired
    /// Its time has not come.
    case notYetValid
    /// Its issuer has no key of that name.
    case unknownKey
    /// It could be signed with several keys and names none.
    case ambiguousKey
    /// The signature is not that of the key.
    case badSignature

    /// A stable word for logs, metrics and recordings.
    package var label: String {
        switch self {
        case .malformed: "malformed"
        case .tooLarge: "too-large"
        case .algorithmNotAllowed: "algorithm"
        case .unsupportedHeader: "header"
        case .wrongType: "type"
        case .unknownIssuer: "issuer"
        case .wrongAudience: "audience"
        case .missingClaim: "claim"
        case .expired: "expired"
        case .notYetValid: "not-yet-valid"
        case .unknownKey: "unknown-key"
        case .ambiguousKey: "ambiguous-key"
        case .badSignature: "signature"
        }
    }

    /// What is wrong, and what to do about it.
    package var message: String {
        switch self {
        case .malformed: "the token is not a signed JWT; send one as its issuer gave it"
        case .tooLarge: "the token is too large; ask its issuer for one with fewer claims"
        case .algorithmNotAllowed:
            "the token is signed with an algorithm that is not allowed for its issuer"
        case .unsupportedHeader:
            "the token's head has a key, an address or something critical in it that is not used"
        case .wrongType: "the token is of a type for another purpose; send an access token"
        case .unknownIssuer: "the token's issuer is not trusted here"
        case .wrongAudience: "the token is for another audience; ask for one for this service"
        case .missingClaim: "the token lacks a claim that must be there, or it has another type"
        case .expired: "the token has expired; get a new one"
        case .notYetValid: "the token is not valid yet; check the clocks"
        case .unknownKey: "the token is signed with a key that its issuer does not publish"
        case .ambiguousKey: "the token does not say which key of its issuer it is signed with"
        case .badSignature: "the token's signature is wrong"
        }
    }
}
