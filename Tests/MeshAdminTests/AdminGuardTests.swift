// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshAdmin

@Suite("who may ask the admin port")
struct AdminGuardTests {
    private static let token = Array("0123456789abcdef0123".utf8)

    private func status(
        _ method: String = "GET", _ path: String = "/metrics",
        hosts: [String] = ["127.0.0.1:15000"],
        origins: [String] = [], sites: [String] = [], authorizations: [String] = [],
        hasToken: Bool = false, isPrivate: Bool = false
    ) -> Int {
        let gatekeeper = AdminGuard(
            token: hasToken ? Secret(Self.token) : nil, isPrivate: isPrivate)
        let head = AdminGuard.Head(
            method: method, path: path, hosts: hosts, origins: origins, sites: sites,
            authorizations: authorizations)
        return gatekeeper.refusal(of: head)?.status ?? 200
    }

    @Test(
        "a page cannot ask by a name that resolves to this machine",
        arguments: [
            "evil.example", "evil.example:15000", "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example", "0x7f000001", "2130706433", "[evil]", "[::1]evil", "[]", "",
            "127.0.0.1:evil", "1.2.3", "1.2.3.4.5", "localhost:80:80", "1.2.3.4444",
        ])
    func rebinding(_ host: String) {
        #expect(status(hosts: [host]) == 421)
    }

    @Test(
        "an address or localhost means this machine",
        arguments: ["127.0.0.1", "127.0.0.1:15000", "[::1]:15000", "LocalHost:1", "10.0.0.7"])
    func trusted(_ host: String) {
        #expect(status(hosts: [host]) == 200)
    }

    @Test("a request has one Host")
    func hosts() {
        #expect(status(hosts: []) == 421)
        #expect(status(hosts: ["127.0.0.1", "127.0.0.1"]) == 421)
    }

    @Test("a page of another site is not answered, not even a GET")
    func crossSite() {
        #expect(status(origins: ["https://evil.example"]) == 403)
        #expect(status(origins: ["null"]) == 403)
        #expect(status(origins: ["http://127.0.0.1:15000", "https://evil.example"]) == 403)
        #expect(status(sites: ["cross-site"]) == 403)
        #expect(status(sites: ["same-site"]) == 403)
        #expect(status(origins: ["http://127.0.0.1:15000"], sites: ["same-origin"]) == 200)
        #expect(
            status("POST", "/reload", origins: ["https://evil.example"], isPrivate: true) == 403)
        let bearer = "Bearer " + String(decoding: Self.token, as: UTF8.self)
        #expect(
            status(
                "POST", "/reload", origins: ["https://evil.example"], authorizations: [bearer],
                hasToken: true) == 403)
    }

    @Test("without a token a port lets look, and a Unix socket act")
    func acting() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            #expect(status(method, "/reload") == 403)
            #expect(status(method, "/healthz") == 403)
            #expect(status(method, "/reload", hosts: ["anything"], isPrivate: true) == 200)
        }
        #expect(status("HEAD") == 200)
    }

    @Test("with a token everything but health is for who has it")
    func tokens() {
        let right = "Bearer " + String(decoding: Self.token, as: UTF8.self)
        #expect(status("GET", "/healthz", hasToken: true) == 200)
        #expect(status("GET", "/ready", hasToken: true) == 200)
        #expect(status("POST", "/ready", hasToken: true) == 401)
        for path in ["/metrics", "/snapshot", "/recordings", "/", "/healthz/../metrics"] {
            #expect(status("GET", path, hasToken: true) == 401)
            #expect(status("GET", path, authorizations: [right], hasToken: true) == 200)
        }
        #expect(status("POST", "/reload", authorizations: [right], hasToken: true) == 200)
        for wrong in [
            "Bearer ", "Bearer 0123456789abcdef012", right + "4", right + " ", "Basic YTpi",
            String(right.dropFirst(7)), "Bearer " + String(repeating: "a", count: 5_000),
        ] {
            #expect(status(authorizations: [wrong], hasToken: true) == 401)
        }
        #expect(status(authorizations: [right, right], hasToken: true) == 401)
        #expect(status(hosts: ["evil.example"], authorizations: [right], hasToken: true) == 421)
    }
}
