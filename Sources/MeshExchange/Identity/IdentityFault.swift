// SPDX-License-Identifier: Apache-2.0

import MeshIdentity

/// Why a credential that was sent does not say who the caller is.
struct IdentityFault: Hashable, Sendable {
    /// A stable word for logs and recordings.
    var label: String
    /// What is wrong and what to do, without any part of the credential.
    var message: String

    init(label: String, message: String) {
        self.label = label
        self.message = message
    }

    init(_ fault: TokenFault) { self.init(label: fault.label, message: fault.message) }

    init(_ fault: APIKey.Fault) { self.init(label: fault.label, message: fault.message) }

    /// More than one credential: whichever was taken, somebody else might take the other.
    static let several = IdentityFault(
        label: "several", message: "more than one credential was sent; send one")
    /// A credential that no provider here reads.
    static let foreign = IdentityFault(
        label: "foreign", message: "the credential is not one of this service; check it")
}

/// What became of the question who a caller is.
enum IdentityVerdict: Sendable {
    /// Nobody asks, or nobody must be known and no credential was sent.
    case nobody
    /// Nobody, although somebody must be known.
    case missing
    /// The caller, and which provider knows it.
    case known(Caller, provider: Int32)
    /// The credential is wrong.
    case refused(IdentityFault, provider: Int32?)
    /// The provider's keys may say more once they were fetched again.
    case wanted(provider: Int32)
    /// The provider has no keys that could be used.
    case unavailable(provider: Int32)
    /// Too many signatures are to be checked.
    case busy(provider: Int32)
}
