// SPDX-License-Identifier: Apache-2.0

import MeshIdentity
import MeshModel
import MeshSnapshot

extension SnapshotDump {
    /// Left out when there are none.
    var identityProviders: [JSONText.Member] {
        snapshot.identity.isEmpty
            ? [] : [.init("identityProviders", .list(snapshot.identity.map(provider)))]
    }

    /// The providers that may know a caller, unless there are none.
    func ids(identity: [IdentityID]) -> [JSONText.Member] {
        identity.isEmpty ? [] : [.init("identity", .list(identity.map { .number(Int($0)) }))]
    }

    private func provider(_ provider: IdentityProvider) -> JSONText {
        var members: [JSONText.Member] = [
            .init("name", .text(provider.name)),
            .init("targets", .list(provider.targets.map { .text($0) })),
        ]
        if provider.isOptional { members.append(.init("optional", .boolean(true))) }
        if provider.forwards { members.append(.init("forward", .boolean(true))) }
        switch provider.method {
        case .tokens(let policy, let source):
            members.append(.init("jwt", .object(parts(of: policy) + parts(of: source))))
        case .apiKeys(let file):
            members.append(.init("apiKeys", .object([.init("file", .text(file))])))
        case .certificates:
            members.append(.init("clientCertificate", .object([])))
        }
        return .object(members)
    }

    private func parts(of policy: TokenPolicy) -> [JSONText.Member] {
        [
            .init("issuer", .text(policy.issuer)),
            .init("audiences", .list(policy.audiences.map { .text($0) })),
            .init("algorithms", .list(policy.algorithms.map { .text($0.rawValue) })),
            .init("types", .list(policy.types.map { .text($0) })),
            .init("clockSkewNanoseconds", duration(policy.clockSkew)),
        ]
    }

    private func parts(of source: KeySource) -> [JSONText.Member] {
        var members: [JSONText.Member] = []
        switch source.place {
        case .file(let path): return [.init("jwksFile", .text(path))]
        case .url(let url): members.append(.init("jwksUri", .text(url)))
        case .discovery: members.append(.init("discovery", .boolean(true)))
        }
        if let file = source.caFile { members.append(.init("caFile", .text(file))) }
        return members + [
            .init("refreshNanoseconds", duration(source.refresh)),
            .init("maxStaleNanoseconds", duration(source.maxStale)),
        ]
    }
}
