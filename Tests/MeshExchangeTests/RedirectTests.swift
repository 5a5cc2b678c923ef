// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Redirects")
struct RedirectTests {
    private func location(
        _ path: String, port: UInt16 = 8080, host: String = "mesh.test", _ redirect: Redirect
    ) throws -> (Drive, String?) {
        var sample = SnapshotSample()
        sample.portNumber = port
        sample.rules = [Rule(route: "default/r", index: 0, action: .redirect(redirect))]
        let drive = Drive(sample)
        try drive.begin("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
        #expect(drive.unsettled == nil && drive.record.status == UInt16(redirect.status))
        #expect(drive.keepsAlive && drive.written.field("content-length") == "0")
        return (drive, drive.written.field("location"))
    }

    private func redirect(
        scheme: String? = nil, hostname: String? = nil, port: UInt16? = nil,
        path: PathModifier? = nil, status: Int = 302
    ) -> Redirect {
        Redirect(
            scheme: scheme.map(bytes), hostname: hostname.map(bytes), port: port, path: path,
            status: status)
    }

    @Test("host, path and query are kept where the filter names no others")
    func keeps() throws {
        let (drive, location) = try location("/a/b?x=%20&y", redirect(status: 301))
        #expect(location == "http://mesh.test:8080/a/b?x=%20&y")
        #expect(drive.written.startLine == "HTTP/1.1 301 Moved Permanently")
    }

    @Test("ports follow the rules of the Gateway API")
    func ports() throws {
        let cases: [(UInt16, Redirect, String)] = [
            (8080, redirect(scheme: "https"), "https://mesh.test/"),
            (8080, redirect(scheme: "http"), "http://mesh.test/"),
            (80, redirect(hostname: "other.test"), "http://other.test/"),
            (8080, redirect(hostname: "other.test"), "http://other.test:8080/"),
            (8080, redirect(scheme: "https", port: 443), "https://mesh.test/"),
            (8080, redirect(scheme: "https", port: 8443), "https://mesh.test:8443/"),
            (8080, redirect(scheme: "https", port: 80), "https://mesh.test:80/"),
            (8080, redirect(port: 80), "http://mesh.test/"),
            (8080, redirect(port: 443), "http://mesh.test:443/"),
        ]
        for (port, redirect, expected) in cases {
            #expect(try location("/", port: port, redirect).1 == expected)
        }
    }

    @Test("the port of the request's own host does not stay")
    func ownPort() throws {
        #expect(
            try location("/", host: "mesh.test:9999", redirect(scheme: "https")).1
                == "https://mesh.test/")
        #expect(
            try location("/x", port: 80, host: "[::1]:9999", redirect()).1 == "http://[::1]/x")
    }

    @Test("paths are replaced whole or by prefix, and in their canonical spelling")
    func paths() throws {
        #expect(
            try location("/a?q", port: 80, redirect(path: .full(bytes("/new")))).1
                == "http://mesh.test/new?q")
        let prefix = PathModifier.prefix(match: bytes("/a"), with: bytes("/z/"))
        #expect(
            try location("/a/b", port: 80, redirect(path: prefix)).1 == "http://mesh.test/z/b")
        #expect(try location("/x/../y", port: 80, redirect()).1 == "http://mesh.test/y")
    }

    @Test("every status of a redirect has its phrase", arguments: [301, 302, 303, 307, 308])
    func statuses(status: Int) throws {
        let (drive, _) = try location("/", redirect(status: status))
        #expect(drive.written.startLine.utf8.count > "HTTP/1.1 \(status) ".utf8.count)
    }
}
