// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshIdentity

@Suite("base64url")
struct Base64URLTests {
    @Test(
        "has one spelling for each value",
        arguments: [
            ("", []), ("Zg", [0x66]), ("Zm8", [0x66, 0x6F]), ("Zm9v", [0x66, 0x6F, 0x6F]),
            ("-_8", [0xFB, 0xFF]),
        ] as [(String, [UInt8])])
    func decodes(_ text: String, _ bytes: [UInt8]) {
        #expect(Base64URL.decode(text) == bytes)
    }

    @Test(
        "refuses padding, other alphabets, blanks and bits that no byte takes",
        arguments: ["Zg==", "Z", "Zh", "Zm9", "+/8", "Zm 9v", "Zm9v\n", "Zm9v=", "Zg\u{0}"])
    func refuses(_ text: String) {
        #expect(Base64URL.decode(text) == nil)
    }
}
