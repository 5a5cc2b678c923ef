// SPDX-License-Identifier: Apache-2.0

import MeshSnapshot
import Testing

@Suite("a route table")
struct RouteTableTests {
    private func table(_ entry: RouteEntry) -> RouteEntry? {
        RouteTable(entries: [entry]).entries.first
    }

    @Test(
        "drops the slash at the end of a prefix",
        arguments: [("/foo/", "/foo"), ("/foo", "/foo"), ("/", "/"), ("", "/"), ("//", "/")])
    func trailingSlash(written: String, held: String) {
        let entry = RouteEntry(
            path: .prefix(Array(written.utf8)), rule: 1, order: RouteOrder(route: "a/b"))
        #expect(table(entry)?.path == .prefix(Array(held.utf8)))
    }

    @Test("keeps the slash at the end of an exact path")
    func exactSlash() {
        let path = PathMatch.exact(Array("/foo/".utf8))
        let entry = RouteEntry(path: path, rule: 1, order: RouteOrder(route: "a/b"))
        #expect(table(entry)?.path == path)
    }

    @Test("holds host and header names in lower case, and the first match on each name only")
    func names() {
        func field(_ name: String, _ value: String) -> FieldMatch {
            FieldMatch(name: Array(name.utf8), value: .exact(Array(value.utf8)))
        }
        let entry = RouteEntry(
            hostname: Hostname(labels: Array("Example.COM".utf8), isWildcard: true),
            headers: [field("X-A", "1"), field("x-a", "2"), field("x-b", "3")],
            query: [field("Q", "1"), field("q", "2"), field("Q", "3")],
            rule: 1, order: RouteOrder(route: "a/b"))
        let held = table(entry)
        #expect(held?.hostname?.text == "*.example.com")
        #expect(held?.headers == [field("x-a", "1"), field("x-b", "3")])
        #expect(held?.query == [field("Q", "1"), field("q", "2")])
    }

    @Test("differs from another when an entry differs")
    func equality() {
        let one = RouteEntry(rule: 1, order: RouteOrder(route: "a/b"))
        let two = RouteEntry(rule: 2, order: RouteOrder(route: "a/b"))
        #expect(RouteTable(entries: [one]) != RouteTable(entries: [two]))
        #expect(RouteTable.empty.entries.isEmpty)
    }
}
