// SPDX-License-Identifier: Apache-2.0

import MeshSnapshot
import Testing

@testable import MeshCompiler

@Suite struct HostnameTests {
    @Test(
        "two hostnames intersect in the more specific one",
        arguments: [
            ("a.test", "a.test", "a.test"), ("a.test", "b.test", nil),
            ("*.test", "a.test", "a.test"), ("*.test", "a.b.test", "a.b.test"),
            ("*.test", "test", nil), ("*.test", "atest", nil), ("*.test", "aatest", nil),
            ("*.test", "*.test", "*.test"), ("*.test", "*.b.test", "*.b.test"),
            ("*.b.test", "*.c.test", nil), ("*.b.test", "a.test", nil),
        ])
    func intersection(a: String, b: String, common: String?) {
        let expected = common.map { Hostname.Intersection.some(Hostname(written: $0)) } ?? .none
        let first = Hostname(written: a)
        let second = Hostname(written: b)
        #expect(Hostname.intersection(first, second) == expected)
        #expect(Hostname.intersection(second, first) == expected)
        #expect(Hostname.intersection(nil, first) == .some(first))
        #expect(Hostname.intersection(first, nil) == .some(first))
        #expect(Hostname.intersection(nil, nil) == .some(nil))
    }

    @Test("resolved addresses are sorted and joined by name") func resolved() {
        let names = ResolvedNames([
            .init(hostname: "b", addresses: ["2", "1"]), .init(hostname: "a", addresses: []),
            .init(hostname: "b", addresses: ["1", "3"]),
        ])
        #expect(names.entries.map(\.hostname) == ["a", "b"])
        #expect(names.addresses(of: "b") == ["1", "2", "3"])
        #expect(names.addresses(of: "c").isEmpty)
    }
}
