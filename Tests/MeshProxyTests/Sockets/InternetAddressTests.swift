// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import MeshProxy

@Suite struct InternetAddressTests {
    @Test(
        "numeric addresses are understood and printed as they were written",
        arguments: [
            ("127.0.0.1", "127.0.0.1:8080"), ("0.0.0.0", "0.0.0.0:8080"),
            ("::1", "[::1]:8080"), ("2001:db8::17", "[2001:db8::17]:8080"),
        ])
    func parses(_ text: String, _ printed: String) throws {
        let address = try #require(InternetAddress(text, port: 8080))
        #expect(address.host == text)
        #expect(address.port == 8080)
        #expect(address.description == printed)
    }

    @Test("names and nonsense are no addresses", arguments: ["localhost", "", "1.2.3", "::g"])
    func refuses(_ text: String) {
        #expect(InternetAddress(text, port: 1) == nil)
    }
}
