// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshIdentity
import MeshModel
import MeshSnapshot

/// What IdentityProviders say about which resource.
///
/// Providers of the more particular resource take the place of those of the more general one: an
/// HTTPRoute's that of its listener, a listener's that of its Gateway. A Model's are asked in
/// addition, once the body was read.
struct IdentityBook {
    /// The providers, in the order of their names.
    private(set) var providers: [IdentityProvider] = []
    /// Where each of them is written.
    private(set) var drafts: [IdentityProviderResource] = []
    private var ids: [PolicyTarget: [IdentityID]] = [:]
    private var ofListeners: [ListenerKey: [IdentityID]] = [:]

    private struct ListenerKey: Hashable {
        var gateway: ResourceName
        var listener: String
    }

    /// The providers of `catalog`; dangling targets and providers that could not be asked go to
    /// `report`.
    init(_ catalog: Catalog, _ report: inout Report) {
        for written in catalog.identity {
            guard let method = report.method(of: written) else { continue }
            add(written, method, catalog, &report)
        }
    }

    /// The providers of the resource of `kind` called `name`, ascending.
    func providers(of kind: Kind, _ name: ResourceName) -> [IdentityID] {
        ids[PolicyTarget(kind: kind, name: name)] ?? []
    }

    /// The providers of a listener: its own, or those of its Gateway.
    func providers(ofListener listener: String, of gateway: ResourceName) -> [IdentityID] {
        ofListeners[ListenerKey(gateway: gateway, listener: listener)]
            ?? providers(of: .gateway, gateway)
    }

    /// The providers of a route on a listener that has `around`.
    func providers(ofRoute route: Metadata, around: [IdentityID]) -> [IdentityID] {
        let own = providers(of: route.kind, route.id)
        return own.isEmpty ? around : own
    }

    private mutating func add(
        _ written: IdentityProviderResource, _ method: IdentityProvider.Method,
        _ catalog: Catalog, _ report: inout Report
    ) {
        let id = IdentityID(providers.count)
        var targets: [String] = []
        for target in written.targets {
            guard
                let found = PolicyTarget(
                    target.reference, of: written.metadata, catalog, &report)
            else { continue }
            let section = target.sectionName?.value
            let name =
                "\(found.kind.rawValue)/\(found.name.text)" + (section.map { "/\($0)" } ?? "")
            if targets.contains(name) {
                report.error(
                    target.reference.name.place, written.metadata,
                    "the \(found.kind.rawValue) is named twice", "remove one of them")
                continue
            }
            if let section = target.sectionName {
                guard Self.check(section, found, written, catalog, &report) else { continue }
                let key = ListenerKey(gateway: found.name, listener: section.value)
                ofListeners[key, default: []].append(id)
            } else {
                ids[found, default: []].append(id)
            }
            targets.append(name)
        }
        providers.append(
            IdentityProvider(
                name: written.metadata.id.text, targets: targets,
                isOptional: written.isOptional, forwards: written.forwards, method: method))
        drafts.append(written)
    }

    /// Whether `section` is a listener of the Gateway `target`.
    private static func check(
        _ section: Located<String>, _ target: PolicyTarget,
        _ written: IdentityProviderResource, _ catalog: Catalog, _ report: inout Report
    ) -> Bool {
        guard target.kind == .gateway, let index = catalog.index(of: .gateway, target.name) else {
            report.error(
                section.place, written.metadata,
                "`sectionName` means a listener, and a \(target.kind.rawValue) has none",
                "remove it, or target the Gateway")
            return false
        }
        let names = catalog.gateways[index].listeners.map(\.name.value)
        if names.contains(section.value) { return true }
        report.error(
            section.place, written.metadata,
            "\(catalog.gateways[index].metadata.label) has no listener \(quoted(section.value))",
            Suggestion.nearest(to: section.value, among: names).map { "did you mean `\($0)`?" }
                ?? "write one of \(names.map { "`\($0)`" }.joined(separator: ", "))")
        return false
    }
}

extension Report {
    /// How `written` knows callers, or nil; what is wrong with it is noted.
    fileprivate mutating func method(
        of written: IdentityProviderResource
    ) -> IdentityProvider.Method? {
        if let place = written.certificates {
            guard written.jwt == nil, written.apiKeys == nil else {
                error(
                    place, written.metadata,
                    "`clientCertificate` is written beside another way to know callers",
                    "write two IdentityProviders with the same targets: either may know a caller")
                return nil
            }
            return .certificates
        }
        switch (written.jwt, written.apiKeys) {
        case (let jwt?, nil): return tokens(jwt, of: written.metadata)
        case (nil, let keys?): return .apiKeys(file: keys.value.file.value)
        case (.some, let keys?):
            error(
                keys.place, written.metadata, "`apiKeys` is written beside `jwt`",
                "write two IdentityProviders with the same targets: either may know a caller")
        case (nil, nil):
            missing(
                written.metadata.place, written.metadata,
                "nothing says how callers are known",
                "add `jwt`, `apiKeys` or `clientCertificate`")
        }
        return nil
    }

    private mutating func tokens(
        _ jwt: Located<IdentityProviderResource.Tokens>, of provider: Metadata
    ) -> IdentityProvider.Method? {
        let written = jwt.value
        let known = diagnostics.count
        let algorithms = written.algorithms.compactMap { SignatureAlgorithm(name: $0.value) }
        let policy = TokenPolicy(
            issuer: written.issuer.value, audiences: written.audiences.map(\.value),
            algorithms: algorithms.isEmpty ? [.rs256, .ps256, .es256, .edDSA] : algorithms,
            types: written.types.isEmpty
                ? ["jwt", "at+jwt"] : written.types.map { $0.value.lowercased() },
            clockSkew: written.clockSkew?.value ?? .seconds(60))
        if let skew = written.clockSkew, skew.value > .seconds(300) {
            error(
                skew.place, provider, "this duration is out of range",
                "write at most `5m`: within it, expired tokens are taken")
        }
        if written.audiences.isEmpty {
            warning(
                jwt.place, provider,
                "without `audiences` every token of the issuer is taken, also those that were "
                    + "given for other services",
                "add the audience that tokens for this service carry")
        }
        guard let source = source(written, of: provider),
            diagnostics.count == known
                || !hasErrors
        else { return nil }
        return .tokens(policy, source)
    }

    private mutating func source(
        _ written: IdentityProviderResource.Tokens, of provider: Metadata
    ) -> KeySource? {
        let refresh = written.refresh?.value ?? .seconds(300)
        let maxStale = written.maxStale?.value ?? .seconds(86_400)
        if let place = written.refresh?.place, refresh < .seconds(10) {
            error(place, provider, "this duration is out of range", "write at least `10s`")
        }
        if let place = written.maxStale?.place, maxStale < refresh {
            error(
                place, provider, "`maxStale` is shorter than `refresh`",
                "write a duration that is not shorter")
        }
        if let file = written.jwksFile {
            let others = [
                ("jwksUri", written.jwksURI?.place), ("caFile", written.caFile?.place),
                ("refresh", written.refresh?.place), ("maxStale", written.maxStale?.place),
            ]
            for (name, place) in others {
                guard let place else { continue }
                error(
                    place, provider, "`\(name)` is written beside `jwksFile`",
                    "remove it: with a file nothing is fetched")
            }
            return KeySource(place: .file(file.value))
        }
        let place: KeySource.Place
        if let uri = written.jwksURI {
            guard isFetchable(uri, "jwksUri", of: provider) else { return nil }
            place = .url(uri.value)
        } else {
            guard isFetchable(written.issuer, "issuer", of: provider) else { return nil }
            place = .discovery(issuer: written.issuer.value)
        }
        return KeySource(
            place: place, caFile: written.caFile?.value, refresh: refresh, maxStale: maxStale)
    }

    /// Whether keys may be fetched from `url`: whoever can change them on the way can be anybody.
    private mutating func isFetchable(
        _ url: Located<String>, _ field: String, of provider: Metadata
    ) -> Bool {
        guard let parts = URLParts(url.value) else {
            error(
                url.place, provider,
                "\(quoted(url.value)) is not a URL that keys can be fetched from",
                field == "issuer"
                    ? "write `jwksUri` or `jwksFile`, or the issuer as `https://…`"
                    : "write it like `https://issuer.example.com/keys`")
            return false
        }
        let isLocal =
            parts.host == "localhost" || parts.host == "::1" || parts.host.hasPrefix("127.")
        guard parts.isSecure || isLocal else {
            error(
                url.place, provider, "keys from an `http` URL could be anybody's",
                "write `https://`; `http` is taken for loopback addresses only")
            return false
        }
        return true
    }
}
