// SPDX-License-Identifier: Apache-2.0

import MeshIdentity
import Testing

@Suite("names of workloads")
struct SPIFFEIDTests {
    private static func isTaken(_ text: String) -> Bool { (try? SPIFFEID(text)) != nil }

    @Test("the parts of an ID are read as they are written")
    func parts() throws {
        let id = try SPIFFEID("spiffe://example.org/ns/prod/sa/Agent_1.x-y")
        #expect(id.trustDomain.description == "example.org")
        #expect(id.path == "/ns/prod/sa/Agent_1.x-y")
        #expect(id.namespace == "prod")
        #expect(id.description == "spiffe://example.org/ns/prod/sa/Agent_1.x-y")
        #expect(try SPIFFEID("spiffe://example.org").path.isEmpty)
        #expect(try SPIFFEID("spiffe://example.org/sa/ns/prod").namespace == nil)
        #expect(try SPIFFEID("spiffe://example.org/ns").namespace == nil)
        #expect(
            try SPIFFEID("spiffe://example.org/A") != SPIFFEID("spiffe://example.org/a"))
    }

    @Test(
        "what another reader could take for another workload is refused",
        arguments: [
            "", "spiffe:", "spiffe://", "spiffe:///a", "SPIFFE://a/b", "http://a/b", "a/b",
            "spiffe://A/b", "spiffe://a/b/", "spiffe://a//b", "spiffe://a/", "spiffe://a/./b",
            "spiffe://a/../b", "spiffe://a/..", "spiffe://a/b%2fc", "spiffe://a/%2e%2e",
            "spiffe://a:1/b", "spiffe://u@a/b", "spiffe://a/b?c", "spiffe://a/b#c",
            "spiffe://bücher.test/b", "spiffe://a/ü", "spiffe://a/b c", "spiffe://a/b\u{0}",
            "spiffe://a/b\n", " spiffe://a/b", "spiffe://a/b\u{FF0E}c", "spiffe://a/\u{0430}",
            "spiffe://a/b\\c", "spiffe://a/b;c", "spiffe://[::1]/b", "spiffe://a/b+c",
            "spiffe://xn--é/b",
        ])
    func refused(text: String) { #expect(!Self.isTaken(text)) }

    @Test("lengths are bounded to the byte")
    func lengths() {
        let start = "spiffe://a/"
        #expect(Self.isTaken(start + String(repeating: "b", count: 2_048 - start.utf8.count)))
        #expect(!Self.isTaken(start + String(repeating: "b", count: 2_049 - start.utf8.count)))
        #expect(Self.isTaken("spiffe://" + String(repeating: "a", count: 255) + "/b"))
        #expect(!Self.isTaken("spiffe://" + String(repeating: "a", count: 256) + "/b"))
    }

    @Test("the verdicts of go-spiffe on IDs and trust domains are ours")
    func verdicts() throws {
        guard let suite = try Vectors.load("../spiffe/go_spiffe"),
            let cases = suite["id_cases"] as? [[String: Any]]
        else { return }
        var right = 0
        for entry in cases {
            guard let api = entry["api"] as? String, let input = entry["input"] as? String,
                let isGood = entry["ok"] as? Bool
            else { continue }
            // A trust domain may be told there by an ID of it.
            let isTaken =
                api == "SPIFFEID.parse" || input.contains(":/")
                ? Self.isTaken(input) : (try? TrustDomainName(input)) != nil
            if isTaken == isGood { right += 1 } else { print("go-spiffe: \(api) \(input)") }
        }
        print("go-spiffe: \(right) of \(cases.count) verdicts on names")
        #expect(right == cases.count)
    }
}
