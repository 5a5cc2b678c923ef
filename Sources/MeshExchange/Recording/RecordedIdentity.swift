// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshIdentity
import MeshPolicy
import MeshSnapshot
import MeshWire

/// Who a caller was found to be, as far as decisions can know it: the outcome, and those claims
/// that some rule of the snapshot reads. The credential itself is nowhere.
package struct RecordedIdentity: Codable, Hashable, Sendable {
    /// What became of the question.
    package var outcome: Outcome
    /// The provider that knows the caller, or was asked.
    package var provider: String?
    /// Whom it knows the caller by.
    package var subject: String?
    /// The API key.
    package var key: Caller.Key?
    /// The claims that rules read, an object of JSON; those that may be secrets are left out.
    package var claims: String?
    /// Why the credential is wrong, in a word.
    package var fault: String?
    /// The same for people.
    package var message: String?

    /// What became of the question.
    package enum Outcome: String, Codable, Hashable, Sendable {
        /// Nobody must be known, and nobody is.
        case nobody
        /// Somebody must be known, and nobody is.
        case missing
        /// The caller is known.
        case known
        /// The credential is wrong.
        case refused
        /// Keys were asked for.
        case wanted
        /// There were no keys.
        case unavailable
        /// Too many signatures were to be checked.
        case busy
    }

    init(_ verdict: IdentityVerdict, in snapshot: Snapshot) {
        func name(_ provider: IdentityID?) -> String? {
            provider.map { snapshot.identity[Int($0)].name }
        }
        switch verdict {
        case .nobody: outcome = .nobody
        case .missing: outcome = .missing
        case .known(let caller, let provider):
            outcome = .known
            self.provider = name(provider)
            subject = caller.subject
            key = caller.key
            claims = caller.claims.map { Self.kept($0, in: snapshot) }
        case .refused(let fault, let provider):
            outcome = .refused
            self.provider = name(provider)
            self.fault = fault.label
            message = fault.message
        case .wanted(let provider):
            outcome = .wanted
            self.provider = name(provider)
        case .unavailable(let provider):
            outcome = .unavailable
            self.provider = name(provider)
        case .busy(let provider):
            outcome = .busy
            self.provider = name(provider)
        }
    }

    /// Those of `claims` that some rule reads and that are no secrets.
    private static func kept(_ claims: JSONTree, in snapshot: Snapshot) -> String {
        var names: [String] = []
        var readsAll = false
        for slot in snapshot.access.layout.slots where slot.fact == Fact.jwtClaims.rawValue {
            if let key = slot.key { names.append(key) } else { readsAll = true }
        }
        let kept = (claims.members ?? []).filter { member in
            (readsAll || names.contains { $0.utf8.elementsEqual(member.name.utf8) })
                && !SecretName.isSecret(member.name.lowercased())
        }
        var text: [UInt8] = []
        JSONTree.object(kept).append(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// The verdict again. A provider that `snapshot` does not have is as good as none.
    func verdict(in snapshot: Snapshot) -> IdentityVerdict {
        let found = snapshot.identity.firstIndex { $0.name == provider }.map { IdentityID($0) }
        switch outcome {
        case .nobody: return .nobody
        case .missing: return .missing
        case .refused:
            let fault = IdentityFault(label: fault ?? "", message: message ?? "")
            return .refused(fault, provider: found)
        case .known, .wanted, .unavailable, .busy: break
        }
        guard let found else { return .missing }
        switch outcome {
        case .wanted: return .wanted(provider: found)
        case .unavailable: return .unavailable(provider: found)
        case .busy: return .busy(provider: found)
        case .known, .nobody, .missing, .refused: break
        }
        if let key { return .known(Caller(key), provider: found) }
        let text = Array((claims ?? "{}").utf8)
        let tree = try? JSONTree.read(
            unsafe text.span.bytes, bytesMax: MeshIdentity.Limits.tokenBytesMax)
        return .known(Caller(subject: subject, claims: tree ?? .object([])), provider: found)
    }
}
