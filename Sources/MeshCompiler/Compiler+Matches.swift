// SPDX-License-Identifier: Apache-2.0

import MeshModel
import MeshSnapshot
import MeshWire

extension Compiler {
    /// The matches of `rule`; what cannot match is reported.
    mutating func matches(of rule: RouteRule, in route: Metadata) -> [MatchDraft] {
        rule.matches.enumerated().compactMap { index, match in
            guard let path = path(of: match, in: route) else { return nil }
            let headers = fields(match.headers, areHeaders: true, in: route)
            let query = fields(match.query, areHeaders: false, in: route)
            return MatchDraft(
                place: match.place, index: index,
                key: MatchKey(
                    path: path, method: match.method.map { Array($0.utf8) }, headers: headers,
                    query: query))
        }
    }

    private mutating func path(of match: RouteMatch, in route: Metadata) -> PathMatch? {
        let text = match.path.value
        if match.pathType == .pattern {
            return pattern(match.path, in: route).map { .pattern($0) }
        }
        if let fault = Self.fault(inPath: text) {
            report.error(
                match.path.place, route, "the path \(quoted(text)) \(fault)",
                "write an absolute path in normal form, without query: `/v1/chat`")
            return nil
        }
        var bytes = Array(text.utf8)
        guard match.pathType == .prefix else { return .exact(bytes) }
        while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        return .prefix(bytes)
    }

    /// What is wrong with a path that requests are compared with, or nil.
    ///
    /// **Source** Gateway API, validation of `HTTPPathMatch`.
    private static func fault(inPath path: String) -> String? {
        if !path.hasPrefix("/") { return "does not start with `/`" }
        for part in ["//", "/./", "/../", "%2f", "%2F", "#", "?"] where path.contains(part) {
            return "contains `\(part)`"
        }
        for end in ["/.", "/.."] where path.hasSuffix(end) { return "ends in `\(end)`" }
        return nil
    }

    private mutating func pattern(
        _ text: Located<String>, in route: Metadata
    ) -> LinearPattern? {
        do throws(PatternFault) {
            return try LinearPattern(text.value)
        } catch {
            report.error(
                text.place, route,
                "the pattern \(quoted(text.value)) cannot be used: \(error.message)",
                "correct it at character \(error.offset + 1)")
            return nil
        }
    }

    private mutating func fields(
        _ written: [RouteMatch.Field], areHeaders: Bool, in route: Metadata
    ) -> [FieldMatch] {
        var fields: [FieldMatch] = []
        for field in written {
            let name = areHeaders ? field.name.value.lowercased() : field.name.value
            let bytes = Array(name.utf8)
            guard !fields.contains(where: { $0.name == bytes }) else {
                report.error(
                    field.name.place, route,
                    "\(quoted(field.name.value)) is written twice in one match",
                    "keep one of them, or write two matches")
                continue
            }
            if field.isPattern {
                guard let pattern = pattern(field.value, in: route) else { continue }
                fields.append(FieldMatch(name: bytes, value: .pattern(pattern)))
            } else {
                fields.append(
                    FieldMatch(name: bytes, value: .exact(Array(field.value.value.utf8))))
            }
        }
        return fields.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }
}
