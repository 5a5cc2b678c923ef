// SPDX-License-Identifier: Apache-2.0

import MeshModel
import MeshSnapshot

/// What the filters of a rule do.
struct FilterDraft {
    /// Edits of the request's head.
    var requestEdits: [HeaderEdit] = []
    /// Edits of the answer's head.
    var responseEdits: [HeaderEdit] = []
    /// A redirect, and where it is written.
    var redirect: Located<Redirect>?
    /// A rewrite.
    var rewrite: Located<URLRewrite>?
    /// Copies.
    var mirrors: [Mirror] = []
}

extension Compiler {
    /// What the filters of `rule` do.
    ///
    /// **Source** Gateway API, validation of `HTTPRouteRule` and `HTTPRouteFilter`.
    mutating func filters(of rule: RouteRule, in route: Metadata) -> FilterDraft {
        var draft = FilterDraft()
        for filter in checked(rule.filters, in: route) {
            append(filter, of: rule, in: route, to: &draft)
        }
        if let redirect = draft.redirect, let rewrite = draft.rewrite {
            report.error(
                rewrite.place, route,
                "a `URLRewrite` stands beside the `RequestRedirect` at "
                    + redirect.place.text, "keep one of them")
        }
        if let redirect = draft.redirect, !rule.backends.isEmpty {
            report.error(
                redirect.place, route, "a rule with a `RequestRedirect` has `backendRefs`",
                "remove one of the two")
        }
        if route.kind == .grpcRoute, let place = draft.redirect?.place ?? draft.rewrite?.place {
            report.error(
                place, route, "calls of gRPC cannot be redirected or rewritten",
                "remove the filter, or write an HTTPRoute")
        }
        return draft
    }

    /// The edits of filters of a single `backendRef`.
    mutating func edits(
        of filters: [RouteFilter], in route: Metadata
    ) -> (request: [HeaderEdit], response: [HeaderEdit]) {
        var draft = FilterDraft()
        for filter in checked(filters, in: route) {
            switch filter.type?.value {
            case "RequestHeaderModifier":
                draft.requestEdits += edits(filter.requestHeaders, in: route)
            case "ResponseHeaderModifier":
                draft.responseEdits += edits(filter.responseHeaders, in: route)
            case .some(let type):
                report.error(
                    filter.type?.place ?? filter.place, route,
                    "`\(type)` is not supported on a `backendRef`",
                    "write it into `filters` of the rule")
            case nil: break
            }
        }
        return (draft.requestEdits, draft.responseEdits)
    }

    /// Those of `filters` that have the settings of their type and no others, and stand there
    /// once.
    private mutating func checked(
        _ filters: [RouteFilter], in route: Metadata
    ) -> [RouteFilter] {
        var seen: [String: Place] = [:]
        return filters.filter { filter in
            guard let type = filter.type, let wanted = Self.setting(of: type.value) else {
                return false
            }
            for setting in filter.settings where setting.value != wanted {
                report.error(
                    setting.place, route,
                    "`\(setting.value)` does not belong to a filter of type `\(type.value)`",
                    "remove it, or write it into a filter of its own")
            }
            guard filter.settings.contains(where: { $0.value == wanted }) else {
                report.missing(
                    filter.place, route, "the filter of type `\(type.value)` has no settings",
                    "add `\(wanted)`")
                return false
            }
            if let first = seen[type.value], type.value != "RequestMirror" {
                report.error(
                    type.place, route,
                    "there is a filter of type `\(type.value)` already, at \(first.text)",
                    "write the settings of both into one")
                return false
            }
            seen[type.value] = type.place
            return true
        }
    }

    private static func setting(of type: String) -> String? {
        switch type {
        case "RequestHeaderModifier": "requestHeaderModifier"
        case "ResponseHeaderModifier": "responseHeaderModifier"
        case "RequestRedirect": "requestRedirect"
        case "URLRewrite": "urlRewrite"
        case "RequestMirror": "requestMirror"
        default: nil
        }
    }

    private mutating func append(
        _ filter: RouteFilter, of rule: RouteRule, in route: Metadata, to draft: inout FilterDraft
    ) {
        switch filter.type?.value {
        case "RequestHeaderModifier":
            draft.requestEdits += edits(filter.requestHeaders, in: route)
        case "ResponseHeaderModifier":
            draft.responseEdits += edits(filter.responseHeaders, in: route)
        case "RequestRedirect":
            guard let written = filter.redirect else { return }
            draft.redirect = Located(
                redirect(written, of: rule, in: route), at: filter.type?.place ?? filter.place)
        case "URLRewrite":
            guard let written = filter.rewrite else { return }
            if written.hostname == nil, written.path == nil {
                report.missing(
                    written.place, route, "the `URLRewrite` changes nothing",
                    "add `hostname` or `path`")
            }
            draft.rewrite = Located(
                URLRewrite(
                    hostname: written.hostname.map { Array($0.utf8) },
                    path: written.path.flatMap { modifier($0, of: rule, in: route) }),
                at: filter.type?.place ?? filter.place)
        case "RequestMirror":
            if let written = filter.mirror, let mirror = mirror(written, in: route) {
                draft.mirrors.append(mirror)
            }
        case .some, nil: break
        }
    }

    /// Fields that say how long a message is, where it goes and where it ends: what a filter put
    /// there, two servers could read differently.
    private static let reservedHeaders: Set<String> = [
        "connection", "content-length", "expect", "host", "http2-settings", "keep-alive",
        "proxy-connection", "te", "traceparent", "trailer", "transfer-encoding", "upgrade",
        "x-request-id",
    ]

    private mutating func edits(
        _ modifier: HeaderModifier?, in route: Metadata
    ) -> [HeaderEdit] {
        guard let modifier else { return [] }
        var edits: [HeaderEdit] = []
        var seen: [String: Place] = [:]
        func name(_ written: Located<String>, _ report: inout Report) -> [UInt8]? {
            let name = written.value.lowercased()
            if Self.reservedHeaders.contains(name) {
                let remedy =
                    name == "host"
                    ? "use `urlRewrite.hostname`" : "remove it: the mesh writes it itself"
                report.error(
                    written.place, route,
                    "header \(quoted(written.value)) cannot be changed by a filter", remedy)
                return nil
            }
            if let first = seen[name] {
                report.error(
                    written.place, route,
                    "header \(quoted(written.value)) is changed twice in one filter, first at "
                        + first.text, "keep one of the changes")
                return nil
            }
            seen[name] = written.place
            return Array(name.utf8)
        }
        for header in modifier.set {
            guard let name = name(header.name, &report) else { continue }
            edits.append(.set(name: name, value: Array(header.value.utf8)))
        }
        for header in modifier.add {
            guard let name = name(header.name, &report) else { continue }
            edits.append(.add(name: name, value: Array(header.value.utf8)))
        }
        for written in modifier.remove {
            guard let name = name(written, &report) else { continue }
            edits.append(.remove(name: name))
        }
        return edits
    }

    private mutating func redirect(
        _ written: RedirectFilter, of rule: RouteRule, in route: Metadata
    ) -> Redirect {
        if let status = written.status, !Self.redirectStatuses.contains(status.value) {
            report.error(
                status.place, route, "\(status.value) is not the status of a redirect",
                "write 301, 302, 303, 307 or 308")
        }
        return Redirect(
            scheme: written.scheme.map { Array($0.utf8) },
            hostname: written.hostname.map { Array($0.utf8) }, port: written.port,
            path: written.path.flatMap { modifier($0, of: rule, in: route) },
            status: written.status?.value ?? 302)
    }

    private static let redirectStatuses = [301, 302, 303, 307, 308]

    /// The path modifier, whose two settings each belong to one type. A prefix can only be
    /// replaced when it is known which one was matched.
    private mutating func modifier(
        _ written: PathModifierFilter, of rule: RouteRule, in route: Metadata
    ) -> PathModifier? {
        guard let type = written.type else { return nil }
        let isFull = type.value == "ReplaceFullPath"
        let wanted = isFull ? "replaceFullPath" : "replacePrefixMatch"
        if let other = isFull ? written.prefix : written.fullPath {
            report.error(
                other.place, route, "only `\(wanted)` belongs to type `\(type.value)`",
                "remove this one or change the type")
        }
        guard let value = isFull ? written.fullPath : written.prefix else {
            report.missing(
                written.place, route, "the type `\(type.value)` has no setting",
                "add `\(wanted)`")
            return nil
        }
        if isFull { return .full(Array(value.value.utf8)) }
        if !value.value.isEmpty, !Format.absolutePath.accepts(value.value) {
            report.error(
                value.place, route, "\(quoted(value.value)) is not a path",
                "start it with `/`, or leave it empty to drop the prefix")
        }
        guard rule.matches.count == 1, rule.matches[0].pathType == .prefix else {
            report.error(
                type.place, route,
                "`ReplacePrefixMatch` needs a rule with exactly one match, of type `PathPrefix`",
                "write a rule for each prefix")
            return nil
        }
        var prefix = Array(rule.matches[0].path.value.utf8)
        while prefix.count > 1, prefix.last == UInt8(ascii: "/") { prefix.removeLast() }
        return .prefix(match: prefix, with: Array(value.value.utf8))
    }

    private mutating func mirror(_ written: MirrorFilter, in route: Metadata) -> Mirror? {
        if let percent = written.percent, written.numerator != nil {
            report.error(
                percent.place, route, "`percent` stands beside `fraction`",
                "keep one of them")
        }
        if let numerator = written.numerator, numerator.value > written.denominator {
            report.error(
                numerator.place, route,
                "\(numerator.value) of \(written.denominator) is more than all",
                "write a numerator that is not above the denominator")
        }
        guard let reference = written.backend,
            let destination = destination(of: reference, in: route)
        else { return nil }
        guard case .backend(let index) = destination else {
            report.error(
                reference.place, route, "a request cannot be mirrored to a Model",
                "mirror it to a Backend, or write `mirrors` into the Model that is called")
            return nil
        }
        return Mirror(
            backend: BackendID(index),
            numerator: written.numerator?.value ?? written.percent?.value ?? 100,
            denominator: written.numerator == nil ? 100 : written.denominator)
    }
}
