// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshSnapshot
import Testing

@Suite("URL rewrites")
struct RewriteTests {
    private func rewritten(_ target: String, _ rewrite: URLRewrite) throws -> String {
        var sample = SnapshotSample()
        sample.rules = [Rule.forward(to: 0).with { $0.rewrite = rewrite }]
        let drive = Drive(sample)
        try drive.get(target)
        return drive.forwarded().head
    }

    /// The table of `HTTPPathModifier.replacePrefixMatch` in the Gateway API.
    @Test(
        "a prefix is replaced as the table of the Gateway API says",
        arguments: [
            ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
            ("/foo", "/foo", "/xyz", "/xyz"),
            ("/foo/", "/foo", "/xyz", "/xyz/"),
            ("/foo/bar", "/foo", "", "/bar"),
            ("/foo/", "/foo", "", "/"),
            ("/foo", "/foo", "", "/"),
            ("/foo/", "/foo", "/", "/"),
            ("/foo", "/foo", "/", "/"),
            ("/a", "/", "/xyz", "/xyz/a"),
            ("/", "/", "/xyz", "/xyz/"),
            ("/a", "/", "/", "/a"),
            ("/a", "/", "", "/a"),
        ])
    func prefix(path: String, match: String, with: String, expected: String) throws {
        let modifier = PathModifier.prefix(match: bytes(match), with: bytes(with))
        let head = try rewritten(path, URLRewrite(hostname: nil, path: modifier))
        #expect(head.startLine == "GET \(expected) HTTP/1.1")
        #expect(head.field("host") == "mesh.test")
    }

    @Test("the query stays where the path is replaced")
    func query() throws {
        let full = URLRewrite(hostname: nil, path: .full(bytes("/new")))
        #expect(try rewritten("/a/b?x=1", full).startLine == "GET /new?x=1 HTTP/1.1")
        #expect(try rewritten("/a/b?", full).startLine == "GET /new? HTTP/1.1")
    }

    @Test("a rewritten host wins over that of the backend, once")
    func hostname() throws {
        var sample = SnapshotSample()
        sample.backends = [BackendSample { $0.hostHeader = bytes("backend.test") }]
        sample.rules = [
            Rule.forward(to: 0).with {
                $0.rewrite = URLRewrite(hostname: bytes("rewritten.test"), path: nil)
            }
        ]
        let drive = Drive(sample)
        try drive.get("/")
        #expect(drive.forwarded().head.field("host") == "rewritten.test")
    }

    @Test("the backend's own prefix comes after the rewrite")
    func both() throws {
        var sample = SnapshotSample()
        sample.backends = [
            BackendSample {
                $0.pathStrip = bytes("/v1")
                $0.pathPrefix = bytes("/openai/v2")
            }
        ]
        sample.rules = [
            Rule.forward(to: 0).with {
                $0.rewrite = URLRewrite(
                    hostname: nil, path: .prefix(match: bytes("/api"), with: bytes("/v1")))
            }
        ]
        let drive = Drive(sample)
        try drive.get("/api/chat")
        #expect(drive.forwarded().head.startLine == "GET /openai/v2/chat HTTP/1.1")
    }
}
