// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshSnapshot
import Testing

@Suite("What callers say of where a request comes from")
struct ForwardedFieldsTests {
    private let claims =
        "Forwarded: for=10.9.9.9\r\nX-Forwarded-For: 10.9.9.9\r\nX-Forwarded-Proto: https\r\n"
        + "X-Forwarded-Host: bank.test\r\nX-Forwarded-Port: 443\r\nX-Real-IP: 10.9.9.9\r\n"

    private func head(replaces: Bool) throws -> String {
        var sample = SnapshotSample()
        sample.limits.replacesForwarded = replaces
        let drive = Drive(sample)
        try drive.get("/", fields: claims + "X-Other: stays\r\n")
        let head = drive.forwarded().head
        drive.gone()
        return head
    }

    @Test("is dropped where the mesh is told to write its own")
    func replaced() throws {
        let head = try head(replaces: true)
        #expect(head.field("x-forwarded-for") == "192.0.2.7")
        #expect(head.field("x-forwarded-proto") == "http" && head.field("x-other") == "stays")
        for name in ["forwarded", "x-forwarded-host", "x-forwarded-port", "x-real-ip"] {
            #expect(head.field(name) == nil)
        }
        #expect(!head.contains("10.9.9.9") && !head.contains("bank"))
    }

    @Test("is added to elsewhere")
    func appended() throws {
        let head = try head(replaces: false)
        #expect(head.field("x-forwarded-for") == "10.9.9.9, 192.0.2.7")
        #expect(head.field("x-forwarded-host") == "bank.test")
        #expect(head.field("x-forwarded-proto") == "http")
    }
}
