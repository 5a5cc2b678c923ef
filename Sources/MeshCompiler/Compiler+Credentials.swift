// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshSnapshot

extension Compiler {
    /// Reports values of Secrets that cannot be read. No message holds any part of one.
    mutating func checkSecrets() {
        for secret in catalog.secrets {
            for place in secret.malformed {
                report.error(
                    place, secret.metadata, "the value is not base64",
                    "encode it, or write it as it is under `stringData`")
            }
        }
    }

    /// The credential of `resource`: where it is read and how it is sent.
    mutating func credential(of resource: BackendResource) -> Credential? {
        guard let written = resource.credential else { return nil }
        let places: [(String, Place?)] = [
            ("env", written.value.environment?.place), ("file", written.value.file?.place),
            ("secretRef", written.value.secret?.place),
        ]
        let found = places.compactMap { name, place in place.map { (name, $0) } }
        for (name, place) in found.dropFirst() {
            report.error(
                place, resource.metadata, "`\(name)` is written beside `\(found[0].0)`",
                "keep one of them")
        }
        guard found.count == 1, let source = source(written.value, of: resource.metadata) else {
            if found.isEmpty {
                report.missing(
                    written.place, resource.metadata, "nothing says where the credential is",
                    "add one of `env`, `file` and `secretRef`; the value itself never stands here")
            }
            return nil
        }
        let header = (written.value.header ?? "authorization").lowercased()
        let prefix = written.value.prefix ?? (header == "authorization" ? "Bearer " : "")
        return Credential(
            header: Array(header.utf8), prefix: Array(prefix.utf8), source: source)
    }

    private mutating func source(
        _ written: BackendResource.CredentialReference, of backend: Metadata
    ) -> Credential.Source? {
        if let environment = written.environment { return .environment(environment.value) }
        if let file = written.file { return .file(file.value) }
        guard let reference = written.secret?.value else { return nil }
        let name = ResourceName(namespace: backend.id.namespace, name: reference.name.value)
        guard let index = catalog.index(of: .secret, name) else {
            let near = Suggestion.nearest(
                to: name.name,
                among: catalog.secrets.map(\.metadata.id)
                    .filter { $0.namespace == name.namespace }.map(\.name))
            report.error(
                reference.name.place, backend,
                "there is no Secret \(quoted(name.name)) in namespace \(quoted(name.namespace))",
                near.map { "did you mean `\($0)`?" } ?? "add it or correct the name")
            return nil
        }
        let keys = catalog.secrets[index].entries.map(\.key)
        guard keys.contains(reference.key.value) else {
            report.error(
                reference.key.place, backend,
                "\(catalog.secrets[index].metadata.label) has no value "
                    + quoted(reference.key.value),
                keys.isEmpty
                    ? "add it" : "write one of \(keys.map { "`\($0)`" }.joined(separator: ", "))")
            return nil
        }
        return .secret(name: name.text, key: reference.key.value)
    }

    /// Reports Models whose callers' own credentials nobody could say whom they are for, and
    /// credentials that stand in the configuration itself.
    mutating func checkCredentials() {
        for draft in modelDrafts where isMixed(draft.targets) {
            let metadata = draft.resource.metadata
            let bare = draft.targets.first { backends[Int($0.backend)].credential == nil }
            guard let bare else { continue }
            let name = catalog.backends[Int(bare.backend)].metadata.label
            report.warning(
                metadata.place, metadata,
                "its targets belong to several providers, so callers' own credentials are sent to "
                    + "none of them, and \(name) has no `credential`",
                "add one if the provider wants any")
        }
        for route in catalog.routes {
            for rule in route.rules {
                for filter in rule.filters + rule.backends.flatMap(\.filters) {
                    checkEdits(of: filter, in: route.metadata)
                }
            }
        }
    }

    private mutating func checkEdits(of filter: RouteFilter, in route: Metadata) {
        guard let headers = filter.requestHeaders else { return }
        for header in headers.set + headers.add
        where SecretName.isSecret(header.name.value.lowercased()) {
            report.warning(
                header.name.place, route,
                "a credential for \(quoted(header.name.value)) stands in the configuration, where "
                    + "everybody who may read it sees it",
                "write `credential` into the Backend, with `env`, `file` or `secretRef`")
        }
    }

    /// Whether `targets` lead to more than one provider: a caller's own credential is for one.
    func isMixed(_ targets: [ModelTarget]) -> Bool {
        guard let first = targets.first.map({ backends[Int($0.backend)] }) else { return false }
        return targets.contains { target in
            let other = backends[Int(target.backend)]
            return other.provider != first.provider || other.hostHeader != first.hostHeader
        }
    }
}
