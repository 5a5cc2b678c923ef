// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot
import MeshWire
import Testing

@Suite("the order of route entries")
struct RouteEntryOrderTests {
    /// Entries of falling precedence; each must come before every later one.
    static func ladder() throws -> [RouteEntry] {
        let name = RouteOrder(route: "default/a")
        let exact = Hostname(labels: Array("a.example.com".utf8), isWildcard: false)
        let shortExact = Hostname(labels: Array("b.org".utf8), isWildcard: false)
        let wildcard = Hostname(labels: Array("x.example.com".utf8), isWildcard: true)
        let shortWildcard = Hostname(labels: Array("example.com".utf8), isWildcard: true)
        let header = FieldMatch(name: Array("x-a".utf8), value: .exact([]))
        let other = FieldMatch(name: Array("x-b".utf8), value: .exact([]))
        let get = Array("GET".utf8)
        let slash = PathMatch.prefix(Array("/".utf8))
        var entries = [
            RouteEntry(hostname: exact, rule: 0, order: name),
            RouteEntry(hostname: shortExact, path: .exact([47]), rule: 0, order: name),
            RouteEntry(hostname: wildcard, rule: 0, order: name),
            RouteEntry(hostname: shortWildcard, path: .exact([47]), rule: 0, order: name),
            RouteEntry(path: .exact(Array("/long".utf8)), rule: 0, order: name),
            RouteEntry(path: .exact(Array("/b".utf8)), method: get, rule: 0, order: name),
            RouteEntry(path: .exact(Array("/b".utf8)), headers: [header], rule: 0, order: name),
            RouteEntry(path: .pattern(try LinearPattern("/.*")), rule: 0, order: name),
            RouteEntry(path: .prefix(Array("/long".utf8)), rule: 0, order: name),
            RouteEntry(path: .prefix(Array("/b".utf8)), method: get, rule: 0, order: name),
        ]
        let fields: [(method: [UInt8]?, headers: [FieldMatch], query: [FieldMatch])] = [
            (get, [header, other], []), (get, [header], [header, other]), (get, [header], []),
            (get, [], []), (nil, [header, other], []), (nil, [header], [header]),
            (nil, [header], []), (nil, [], [header, other]), (nil, [], [header]),
        ]
        for field in fields {
            entries.append(
                RouteEntry(
                    path: slash, method: field.method, headers: field.headers,
                    query: field.query, rule: 0, order: name))
        }
        let orders = [
            RouteOrder(created: 5, route: "z/z", rule: 3, match: 3),
            RouteOrder(created: 6, route: "a/b", rule: 0, match: 1),
            RouteOrder(created: 6, route: "a/b", rule: 1, match: 0),
            RouteOrder(created: 6, route: "a/c", rule: 0, match: 0),
            RouteOrder(created: 0, route: "a/a", rule: 0, match: 0),
            RouteOrder(implicit: true, created: 1, route: "a/a", rule: 0, match: 0),
        ]
        for order in orders { entries.append(RouteEntry(path: slash, rule: 0, order: order)) }
        return entries
    }

    @Test("follows the Gateway API, each step before the next")
    func ladderHolds() throws {
        let entries = try Self.ladder()
        for high in entries.indices {
            #expect(!entries[high].precedes(entries[high]))
            for low in entries.indices where low > high {
                #expect(entries[high].precedes(entries[low]), "\(high) before \(low)")
                #expect(!entries[low].precedes(entries[high]), "\(low) not before \(high)")
            }
        }
    }

    @Test("does not depend on the order in which entries were given")
    func tablesAreEqual() throws {
        let entries = try Self.ladder()
        var random = SplitMix64(seed: 7)
        let table = RouteTable(entries: entries)
        #expect(table.entries.map(\.order) == entries.map(\.order))
        for _ in 0..<20 {
            let shuffled = entries.shuffled(using: &random)
            #expect(RouteTable(entries: shuffled) == table)
        }
    }
}
