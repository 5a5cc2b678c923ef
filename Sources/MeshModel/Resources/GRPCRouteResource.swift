// SPDX-License-Identifier: Apache-2.0

extension HTTPRouteResource {
    /// A `GRPCRoute` as the HTTPRoute that it is: a call of a method is a POST to a path.
    ///
    /// **Source** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, `Path`.
    init(callsOf metadata: Metadata, spec: Cursor?) {
        self.init(metadata: metadata, spec: spec)
        let written = spec?.elements("rules") ?? []
        for (index, rule) in written.enumerated() where rules.indices.contains(index) {
            let matches = rule.elements("matches").map { RouteMatch(callsIn: $0) }
            rules[index].matches =
                matches.isEmpty
                ? [RouteMatch(callsIn: Cursor.empty(like: rule, field: rule.field))] : matches
        }
    }
}

extension RouteMatch {
    /// The match of a `GRPCRoute` at `cursor`.
    init(callsIn cursor: Cursor) {
        self.init(cursor)
        let written = cursor["method"]
        let service = written?.text("service")
        let name = written?.text("method")
        method = "POST"
        query = []
        let place = written?.place ?? cursor.place
        if written?.text("type")?.value == "RegularExpression" {
            pathType = .pattern
            let pattern = "/(\(service?.value ?? Self.anyName))/(\(name?.value ?? Self.anyName))"
            path = Located(pattern, at: (service ?? name)?.place ?? place)
            return
        }
        switch (service, name) {
        case (let service?, let name?):
            pathType = .exact
            path = Located("/\(service.value)/\(name.value)", at: service.place)
        case (let service?, nil):
            pathType = .prefix
            path = Located("/\(service.value)", at: service.place)
        case (nil, let name?):
            pathType = .pattern
            path = Located("/\(Self.anyName)/\(Self.escaped(name.value))", at: name.place)
        case (nil, nil):
            pathType = .prefix
            path = Located("/", at: place)
        }
    }

    private static let anyName = "[^/]+"

    /// `name` as a pattern that it alone matches.
    private static func escaped(_ name: String) -> String {
        name.map { character in
            character.isLetter || character.isNumber || character == "_"
                ? String(character) : "\\\(character)"
        }.joined()
    }
}
