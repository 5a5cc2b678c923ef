// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import MeshWire

/// A request as a test writes it.
struct RequestSample: CustomStringConvertible {
    var host = "example.com"
    var path = "/"
    var query = ""
    var method = "GET"
    var headers: [(name: String, value: String)] = []

    var description: String {
        let lines = headers.map { "\($0.name): \($0.value)" }
        return "\(method) \(host) \(path)?\(query) \(lines)"
    }

    /// The rule that `table` finds for it, its head read by the real parser.
    func rule(in table: RouteTable) throws -> RuleID? {
        var text = "\(method) / HTTP/1.1\r\nHost: example.com\r\n"
        for header in headers { text += "\(header.name): \(header.value)\r\n" }
        let bytes = Array((text + "\r\n").utf8)
        var head = RequestHead()
        _ = try head.parse(bytes.span.bytes, limits: HeadLimits())
        let (host, path) = (Array(host.utf8), Array(path.utf8))
        let (query, method) = (Array(query.utf8), Array(method.utf8))
        return table.rule(
            host: host.span.bytes, path: path.span.bytes, query: query.span.bytes,
            method: method.span.bytes, head: head, bytes: bytes.span.bytes)
    }
}

/// A hostname as an operator writes it.
func hostname(_ text: String) -> Hostname {
    let isWildcard = text.hasPrefix("*.")
    return Hostname(
        labels: Array(text.utf8.dropFirst(isWildcard ? 2 : 0)), isWildcard: isWildcard)
}

/// An entry as a test writes it.
func entry(
    _ rule: RuleID, host: String? = nil, exact: String? = nil, prefix: String? = nil,
    pattern: String? = nil, method: String? = nil, headers: [(String, String)] = [],
    query: [(String, String)] = [], order: RouteOrder? = nil
) throws -> RouteEntry {
    var path = PathMatch.prefix(Array((prefix ?? "/").utf8))
    if let exact { path = .exact(Array(exact.utf8)) }
    if let pattern { path = .pattern(try LinearPattern(pattern)) }
    func fields(_ pairs: [(String, String)]) -> [FieldMatch] {
        pairs.map { FieldMatch(name: Array($0.0.utf8), value: .exact(Array($0.1.utf8))) }
    }
    return RouteEntry(
        hostname: host.map(hostname), path: path, method: method.map { Array($0.utf8) },
        headers: fields(headers), query: fields(query), rule: rule,
        order: order ?? RouteOrder(route: "default/r", rule: Int(rule)))
}
