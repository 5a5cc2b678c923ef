// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import Testing

@Suite("The canonical spelling of a path")
struct CanonicalPathTests {
    private func canonical(_ path: String) -> String? {
        let raw = bytes(path)
        return CanonicalPath.canonical(raw.span.bytes).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        "paths that mean the same are spelt the same",
        arguments: [
            ("/", "/"), ("/a", "/a"), ("/a/", "/a/"), ("/a/b", "/a/b"),
            ("//", "/"), ("//a", "/a"), ("/a//b", "/a/b"), ("/a//", "/a/"),
            ("/.", "/"), ("/./", "/"), ("/./a", "/a"), ("/a/.", "/a/"), ("/a/./b", "/a/b"),
            ("/a/..", "/"), ("/a/../", "/"), ("/a/../b", "/b"), ("/a/b/../c", "/a/c"),
            ("/a/b/..", "/a/"), ("/a/b/../..", "/"), ("/a/%2e%2e/b", "/b"), ("/%2E/a", "/a"),
            ("/a/.%2e/b", "/b"), ("/%61%2D%5f%7e", "/a-_~"), ("/a%c3%a9", "/a%C3%A9"),
            ("/a%3Ab", "/a%3Ab"), ("/a%25", "/a%25"), ("/a%2541", "/a%2541"),
            ("/.well-known/x", "/.well-known/x"), ("/...", "/..."),
            ("/a%20b", "/a%20b"), ("/a%3bb", "/a%3Bb"), ("/%e0%a4%85", "/%E0%A4%85"),
            ("/%f0%9f%98%80", "/%F0%9F%98%80"), ("/%e9", "/%E9"),
        ])
    func same(path: String, expected: String) {
        #expect(canonical(path) == expected)
    }

    @Test(
        "what two servers may read differently is refused",
        arguments: [
            "", "a", "*", "/a%2fb", "/a%2Fb", "/a%5cb", "/a%5C..", "/a\\b", "/\\", "/a%00",
            "/a%", "/a%2", "/a%zz", "/a%2g", "/..;/a", "/a/..;x/b", "/.;/a", "/;a", "/a/;/b",
            "/a;jsessionid=1", "/a;x/../b", "/a;", "/%c0%ae%c0%ae/b", "/%C1%9C", "/%e0%80%af",
            "/%f0%80%80%af", "/a%252e%252e/b", "/a%252fb", "/a%255Cb", "/a%2500", "/a%253bb",
            "/a%25252e", "/..", "/../a", "/a/../../b", "/%2e%2e/a", "/a/%2e%2e;/b",
        ])
    func refused(path: String) {
        #expect(canonical(path) == nil)
    }

    @Test("a canonical path stays as it is, and only such a one is taken for canonical")
    func property() {
        let parts = [
            "/", "/", "a", "b", ".", "..", ";", "%2e", "%2E", "%41", "%c3", "\\", "%", "%2f", "é",
        ]
        for seed in UInt64(1001)..<UInt64(1301) {
            var random = SplitMix64(seed: seed)
            for _ in 0..<20 {
                let path =
                    "/"
                    + (0..<random.below(8)).map { _ in parts[random.below(parts.count)] }
                    .joined()
                let raw = bytes(path)
                let found = CanonicalPath.canonical(raw.span.bytes)
                if CanonicalPath.isCanonical(raw.span.bytes) {
                    #expect(found == raw, "\(path), seed \(seed)")
                }
                guard let found else { continue }
                let again = CanonicalPath.canonical(found.span.bytes)
                #expect(again == found, "\(path), seed \(seed)")
                let text = String(decoding: found, as: UTF8.self)
                let hasDots = text.split(separator: "/").contains { $0 == "." || $0 == ".." }
                #expect(!hasDots && !text.contains("//"), "\(path), seed \(seed)")
            }
        }
    }
}
