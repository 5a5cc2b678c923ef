// SPDX-License-Identifier: Apache-2.0

import MeshRouting
import MeshSnapshot
import MeshWire
import Testing

@Suite("a route table finds the rule")
struct MatchTests {
    @Test(
        "of a prefix by whole segments",
        arguments: [
            ("/foo", true), ("/foo/", true), ("/foo/bar", true), ("/foobar", false),
            ("/fo", false), ("/", false), ("/bar/foo", false), ("/foo//", true),
        ])
    func prefixes(path: String, matches: Bool) throws {
        for written in ["/foo", "/foo/"] {
            let table = RouteTable(entries: [try entry(1, prefix: written)])
            #expect(try RequestSample(path: path).rule(in: table) == (matches ? 1 : nil))
        }
    }

    @Test("of the longest prefix, whatever its length", arguments: [1, 2, 31, 60, 61, 62, 63, 200])
    func longPrefixes(length: Int) throws {
        let segment = "/" + String(repeating: "a", count: length)
        let deep = String(repeating: segment, count: 3)
        let table = RouteTable(entries: [
            try entry(0, prefix: "/"), try entry(1, prefix: segment), try entry(3, prefix: deep),
        ])
        #expect(try RequestSample(path: segment).rule(in: table) == 1)
        #expect(try RequestSample(path: segment + "a").rule(in: table) == 0)
        #expect(try RequestSample(path: segment + segment).rule(in: table) == 1)
        #expect(try RequestSample(path: deep).rule(in: table) == 3)
        #expect(try RequestSample(path: deep + "/x/y").rule(in: table) == 3)
        #expect(try RequestSample(path: deep + "x").rule(in: table) == 1)
    }

    @Test("in the order exact path, pattern, prefix")
    func kinds() throws {
        let entries = [
            try entry(1, prefix: "/a/b"), try entry(2, pattern: "/a/.*"),
            try entry(3, exact: "/a/b"), try entry(4, prefix: "/"),
        ]
        let table = RouteTable(entries: entries)
        #expect(try RequestSample(path: "/a/b").rule(in: table) == 3)
        #expect(try RequestSample(path: "/a/b/").rule(in: table) == 2)
        #expect(try RequestSample(path: "/a/c").rule(in: table) == 2)
        #expect(try RequestSample(path: "/a").rule(in: table) == 4)
    }

    @Test(
        "of the most specific hostname",
        arguments: [
            ("a.example.com", 1), ("A.EXAMPLE.COM", 1), ("b.example.com", 3),
            ("x.b.example.com", 2), ("y.x.B.example.com", 2), ("example.com", 4),
            (".example.com", 4), ("xexample.com", 4), ("com", 4), ("", 4), (".", 4),
        ] as [(String, RuleID)])
    func hostnames(host: String, rule: RuleID) throws {
        let table = RouteTable(entries: [
            try entry(1, host: "a.example.com"), try entry(2, host: "*.b.example.com"),
            try entry(3, host: "*.example.com"), try entry(4),
        ])
        #expect(try RequestSample(host: host).rule(in: table) == rule)
    }

    @Test("under a less specific hostname when none matches under a more specific one")
    func fallsBack() throws {
        let table = RouteTable(entries: [
            try entry(1, host: "a.b.com", exact: "/one"),
            try entry(2, host: "*.b.com", prefix: "/two"),
            try entry(3, host: "*.com", method: "POST"), try entry(4, prefix: "/four"),
        ])
        #expect(try RequestSample(host: "a.b.com", path: "/one").rule(in: table) == 1)
        #expect(try RequestSample(host: "a.b.com", path: "/two/x").rule(in: table) == 2)
        let post = RequestSample(host: "a.b.com", path: "/three", method: "POST")
        #expect(try post.rule(in: table) == 3)
        #expect(try RequestSample(host: "a.b.com", path: "/four").rule(in: table) == 4)
        #expect(try RequestSample(host: "a.b.com", path: "/five").rule(in: table) == nil)
    }

    @Test("of a header by the whole list of its lines")
    func headerLists() throws {
        let table = RouteTable(entries: [
            try entry(1, headers: [("x-role", "user,admin")]),
            try entry(2, headers: [("x-role", "admin")]),
            try entry(3, headers: [("x-role", ",admin")]), try entry(4),
        ])
        func rule(_ lines: [(String, String)]) throws -> RuleID? {
            try RequestSample(headers: lines.map { (name: $0.0, value: $0.1) }).rule(in: table)
        }
        #expect(try rule([("X-Role", "admin")]) == 2)
        #expect(try rule([("x-role", "user,admin")]) == 1)
        #expect(try rule([("x-role", "user"), ("y", "z"), ("X-ROLE", "admin")]) == 1)
        #expect(try rule([("x-role", "admin"), ("x-role", "user")]) == 4)
        #expect(try rule([("x-role", "admin"), ("x-role", "")]) == 4)
        #expect(try rule([("x-role", ""), ("x-role", "admin")]) == 3)
        #expect(try rule([("x-role", "Admin")]) == 4)
        #expect(try rule([("x-rolex", "admin")]) == 4)
        #expect(try rule([]) == 4)
    }

    @Test("of a header pattern by the whole list of its lines")
    func headerPatterns() throws {
        let match = FieldMatch(
            name: Array("x-role".utf8), value: .pattern(try LinearPattern("user,a.*")))
        let table = RouteTable(entries: [
            RouteEntry(headers: [match], rule: 1, order: RouteOrder(route: "a/b"))
        ])
        let split = RequestSample(headers: [("x-role", "user"), ("a", "b"), ("x-role", "ab")])
        #expect(try split.rule(in: table) == 1)
        #expect(try RequestSample(headers: [("x-role", "user,a")]).rule(in: table) == 1)
        #expect(try RequestSample(headers: [("x-role", "user")]).rule(in: table) == nil)
    }

    @Test(
        "of a query parameter by its first value, decoded",
        arguments: [
            ("animal=whale", true), ("a=b&animal=whale", true), ("animal=%77hale", true),
            ("anima%6c=whale", true), ("animal=whale&animal=dolphin", true),
            ("animal=dolphin&animal=whale", false), ("animal=whalex", false),
            ("animal=whal", false), ("Animal=whale", false), ("animal", false), ("", false),
            ("&&animal=whale&", true), ("animal==whale", false), ("animal=%7", false),
        ])
    func parameters(query: String, matches: Bool) throws {
        let table = RouteTable(entries: [try entry(1, query: [("animal", "whale")])])
        #expect(try RequestSample(query: query).rule(in: table) == (matches ? 1 : nil))
    }

    @Test("of a query pattern, decoded too")
    func parameterPatterns() throws {
        let match = FieldMatch(
            name: Array("q".utf8), value: .pattern(try LinearPattern("a b.*")))
        let table = RouteTable(entries: [
            RouteEntry(query: [match], rule: 1, order: RouteOrder(route: "a/b"))
        ])
        #expect(try RequestSample(query: "q=a+bc").rule(in: table) == 1)
        #expect(try RequestSample(query: "q=a%20b").rule(in: table) == 1)
        #expect(try RequestSample(query: "q=a b").rule(in: table) == 1)
        #expect(try RequestSample(query: "q=ab").rule(in: table) == nil)
    }

    @Test("of a method in its own case")
    func methods() throws {
        let table = RouteTable(entries: [try entry(1, method: "GET"), try entry(2)])
        #expect(try RequestSample(method: "GET").rule(in: table) == 1)
        #expect(try RequestSample(method: "get").rule(in: table) == 2)
        #expect(try RequestSample(method: "GETX").rule(in: table) == 2)
    }

    @Test("or none in an empty table")
    func empty() throws {
        #expect(try RequestSample().rule(in: .empty) == nil)
    }
}
