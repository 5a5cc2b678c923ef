// SPDX-License-Identifier: Apache-2.0

import MeshRouting
import MeshSnapshot
import Testing

/// Tables of requests after the conformance tests of the Gateway API: HTTPRouteMatching,
/// HTTPRouteMatchingAcrossRoutes, HTTPRouteMethodMatching and HTTPRouteQueryParamMatching.
@Suite("matching as the Gateway API has it")
struct MatchConformanceTests {
    @Test("a path before a header, the longer path before the shorter")
    func matching() throws {
        let table = RouteTable(entries: [
            try entry(1, prefix: "/"), try entry(1, headers: [("version", "one")]),
            try entry(2, prefix: "/v2"), try entry(2, headers: [("version", "two")]),
        ])
        let expected: [(String, String?, RuleID)] = [
            ("/", nil, 1), ("/example", nil, 1), ("/", "one", 1), ("/v2", nil, 2),
            ("/v2example", nil, 1), ("/v2/example", nil, 2), ("/v2/", nil, 2), ("/", "two", 2),
            ("/v2", "one", 2), ("/foo", "three", 1),
        ]
        for (path, version, rule) in expected {
            let headers = version.map { [(name: "Version", value: $0)] } ?? []
            let sample = RequestSample(path: path, headers: headers)
            #expect(try sample.rule(in: table) == rule, "\(sample)")
        }
    }

    @Test("a method after the path, before headers")
    func methods() throws {
        let table = RouteTable(entries: [
            try entry(1, method: "POST"), try entry(2, method: "GET"),
            try entry(3, prefix: "/path1", method: "GET"),
            try entry(4, method: "PUT", headers: [("version", "one")]),
            try entry(5, prefix: "/path5"), try entry(6, method: "PATCH"),
            try entry(7, headers: [("version", "four")]),
        ])
        let expected: [(String, String, String?, RuleID?)] = [
            ("POST", "/", nil, 1), ("GET", "/", nil, 2), ("HEAD", "/", nil, nil),
            ("GET", "/path1", nil, 3), ("PUT", "/", "one", 4), ("PUT", "/", nil, nil),
            ("PATCH", "/path5", nil, 5), ("PATCH", "/", "four", 6), ("PUT", "/", "four", 7),
        ]
        for (method, path, version, rule) in expected {
            let headers = version.map { [(name: "version", value: $0)] } ?? []
            let sample = RequestSample(path: path, method: method, headers: headers)
            #expect(try sample.rule(in: table) == rule, "\(sample)")
        }
    }

    @Test("more query parameters before fewer, headers before both")
    func parameters() throws {
        let table = RouteTable(entries: [
            try entry(1, query: [("animal", "whale")]),
            try entry(2, query: [("animal", "dolphin")]),
            try entry(3, query: [("animal", "dolphin"), ("color", "blue")]),
            try entry(4, headers: [("version", "one")], query: [("animal", "whale")]),
            try entry(5, headers: [("version", "two")]),
        ])
        let expected: [(String, String?, RuleID?)] = [
            ("animal=whale", nil, 1), ("animal=dolphin", nil, 2),
            ("animal=dolphin&color=blue", nil, 3), ("color=blue&animal=dolphin", nil, 3),
            ("animal=dolphin&color=yellow", nil, 2), ("animal=whale", "one", 4),
            ("animal=dolphin&color=blue", "two", 5), ("color=blue", nil, nil),
            ("animal=dog", nil, nil), ("animal=whaledolphin", nil, nil),
        ]
        for (query, version, rule) in expected {
            let headers = version.map { [(name: "version", value: $0)] } ?? []
            let sample = RequestSample(query: query, headers: headers)
            #expect(try sample.rule(in: table) == rule, "\(sample)")
        }
    }

    @Test("among equal matches the oldest route, then the first by name, then the first rule")
    func ties() throws {
        func order(_ created: Int64, _ route: String, _ rule: Int = 0, _ match: Int = 0)
            -> RouteOrder
        {
            RouteOrder(created: created, route: route, rule: rule, match: match)
        }
        let orders = [
            order(0, "a/a"), order(20, "a/a"), order(10, "b/b", 1), order(10, "b/b", 0, 2),
            order(10, "b/b", 0, 1), order(10, "b/c"),
        ]
        var entries: [RouteEntry] = []
        for (rule, order) in orders.enumerated() {
            entries.append(try entry(RuleID(rule), order: order))
        }
        // Taking the winner away each time must give the whole order.
        var winners: [RuleID] = []
        while let rule = try RequestSample().rule(in: RouteTable(entries: entries)) {
            winners.append(rule)
            entries.removeAll { $0.rule == rule }
        }
        #expect(winners == [4, 3, 2, 5, 1, 0])
    }

    @Test("an operator's route before an implicit one, if their matches are equal")
    func implicit() throws {
        let implicit = RouteOrder(implicit: true, created: 1, route: "models")
        let path = "/v1/chat/completions"
        let own = try entry(1, exact: path, method: "POST", order: implicit)
        let same = try entry(2, exact: path, method: "POST")
        let wider = try entry(3, prefix: "/v1")
        let post = RequestSample(path: path, method: "POST")
        #expect(try post.rule(in: RouteTable(entries: [own, same])) == 2)
        #expect(try post.rule(in: RouteTable(entries: [own, wider])) == 1)
    }
}
