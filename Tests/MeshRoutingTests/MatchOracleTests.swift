// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import MeshWire
import Testing

/// The search against a linear scan that follows the text of the specification and shares no code
/// with it but the patterns.
@Suite("the index finds what a linear scan finds")
struct MatchOracleTests {
    static let hosts = ["a.com", "b.a.com", "c.b.a.com", "com", "x.org", "ab.com"]
    static let segments = ["a", "b", "ab", "abcdefgh", "abcdefghijklmnopq"]
    static let patterns = ["/a/.*", "/[ab]+", "/.*b", "/a(/b)*"]
    static let methods = ["GET", "POST", "X"]
    static let names = ["x-a", "x-b", "host2"]
    static let values = ["1", "2", "1,2", ""]

    static func path(_ random: inout SplitMix64) -> String {
        var path = ""
        for _ in 0..<random.below(5) { path += "/" + segments[random.below(segments.count)] }
        if random.below(6) == 0 { path += "/" }
        return path.isEmpty ? "/" : path
    }

    static func pairs(_ random: inout SplitMix64) -> [(String, String)] {
        var pairs: [(String, String)] = []
        for name in names where random.below(5) == 0 {
            pairs.append((name, values[random.below(values.count)]))
        }
        return pairs
    }

    static func randomEntry(_ rule: Int, _ random: inout SplitMix64) throws -> RouteEntry {
        var host: String?
        if random.below(3) > 0 {
            host = (random.below(2) == 0 ? "*." : "") + hosts[random.below(hosts.count)]
        }
        let kind = random.below(6)
        let path = path(&random)
        return try entry(
            RuleID(rule), host: host, exact: kind < 2 ? path : nil, prefix: path,
            pattern: kind == 2 ? patterns[random.below(patterns.count)] : nil,
            method: random.below(4) == 0 ? methods[random.below(2)] : nil,
            headers: pairs(&random), query: pairs(&random),
            order: RouteOrder(
                implicit: random.below(5) == 0, created: Int64(random.below(3)),
                route: "n/\(random.below(3))", rule: rule))
    }

    static func randomRequest(_ random: inout SplitMix64) -> RequestSample {
        var host = hosts[random.below(hosts.count)]
        if random.below(3) == 0 { host = "z." + host }
        if random.below(3) == 0 { host = host.uppercased() }
        var headers = pairs(&random).map { (name: $0.0.uppercased(), value: $0.1) }
        for pair in pairs(&random) where random.below(3) == 0 {
            headers.append((name: pair.0, value: pair.1))
        }
        return RequestSample(
            host: host, path: path(&random),
            query: (pairs(&random) + pairs(&random)).map { "\($0.0)=\($0.1)" }
                .joined(separator: "&"),
            method: methods[random.below(3)], headers: headers)
    }

    @Test("on random tables and requests", arguments: 0..<200)
    func agrees(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let size = [1, 3, 10, 40, 150][random.below(5)]
        let entries = try (0..<size).map { try Self.randomEntry($0, &random) }
        let table = RouteTable(entries: entries)
        for _ in 0..<50 {
            let request = Self.randomRequest(&random)
            let found = try request.rule(in: table)
            let expected = LinearScan.rule(of: request, in: entries)
            #expect(found == expected, "seed \(seed): \(request)")
            if found != expected { return }
        }
    }
}

/// The specification, written down without regard to speed.
enum LinearScan {
    static func rule(of request: RequestSample, in entries: [RouteEntry]) -> RuleID? {
        entries.filter { matches($0, request) }
            .max { rank($0).lexicographicallyPrecedes(rank($1)) }?.rule
    }

    /// Greater is better, element by element.
    private static func rank(_ entry: RouteEntry) -> [Int] {
        var rank: [Int] = []
        rank.append(entry.hostname.map { $0.isWildcard ? 1 : 2 } ?? 0)
        rank.append(entry.hostname?.labels.count ?? 0)
        switch entry.path {
        case .exact(let path): rank += [3, path.count]
        case .pattern: rank += [2, 0]
        case .prefix(let path):
            rank += [1, path.split(separator: 47).reduce(0) { $0 + $1.count + 1 }]
        }
        rank.append(entry.method == nil ? 0 : 1)
        rank += [entry.headers.count, entry.query.count]
        let created = entry.order.created == 0 ? Int.max : Int(entry.order.created)
        rank += [entry.order.implicit ? 0 : 1, -created]
        rank += entry.order.route.utf8.map { -Int($0) }
        return rank + [-entry.order.rule, -entry.order.match]
    }

    private static func matches(_ entry: RouteEntry, _ request: RequestSample) -> Bool {
        let host = request.host.lowercased()
        if let hostname = entry.hostname {
            let name = String(decoding: hostname.labels, as: UTF8.self)
            guard hostname.isWildcard ? host.hasSuffix("." + name) : host == name else {
                return false
            }
        }
        switch entry.path {
        case .exact(let path):
            guard path == Array(request.path.utf8) else { return false }
        case .pattern(let pattern):
            let bytes = Array(request.path.utf8)
            guard pattern.matchesWhole(bytes.span.bytes) else { return false }
        case .prefix(let path):
            let wanted = path.split(separator: 47)
            guard Array(request.path.utf8).split(separator: 47).starts(with: wanted) else {
                return false
            }
        }
        if let method = entry.method, method != Array(request.method.utf8) { return false }
        for header in entry.headers {
            let name = String(decoding: header.name, as: UTF8.self)
            let lines = request.headers.filter { $0.name.lowercased() == name }.map(\.value)
            let value = Array(lines.joined(separator: ",").utf8)
            guard !lines.isEmpty, header.value == .exact(value) else { return false }
        }
        for parameter in entry.query {
            let name = String(decoding: parameter.name, as: UTF8.self)
            let all = request.query.split(separator: "&").map {
                $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            }
            guard let first = all.first(where: { $0.first.map(String.init) == name }),
                parameter.value == .exact(Array((first.count > 1 ? first[1] : "").utf8))
            else { return false }
        }
        return true
    }
}
