// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@Suite("Secrets")
struct SecretTests {
    /// What might be logged by mistake: a secret deep inside of something.
    private struct Holder {
        var name = "backend"
        var secret = Secret("hunter2")
        var list = [Secret("hunter2")]
        var maybe: Secret<String>? = Secret("hunter2")
        var table = ["key": Secret("hunter2")]
    }

    @Test("no printer, dump or mirror shows a secret, not even from within something else")
    func hidden() {
        let secret = Secret("hunter2")
        let bytes = Secret(Array("hunter2".utf8))
        let holder = Holder()
        var texts: [String] = [
            "\(secret)", "\(bytes)", "\(holder)", String(describing: secret),
            String(reflecting: secret), String(describing: holder), String(reflecting: holder),
            String(reflecting: bytes), "\(Optional(secret) as Any)", "\([secret: 1])",
        ]
        var printed = ""
        print(secret, bytes, holder, to: &printed)
        debugPrint(secret, bytes, holder, to: &printed)
        dump(secret, to: &printed)
        dump(bytes, to: &printed)
        dump(holder, to: &printed)
        texts.append(printed)
        for text in texts {
            #expect(!text.contains("hunter2"))
            // The bytes of the word, as an array would print them.
            #expect(!text.contains("104, 117, 110"))
        }
        #expect("\(secret)" == "[redacted]")
        #expect(String(reflecting: secret) == "[redacted]")
    }

    @Test("a mirror has no children")
    func mirror() {
        #expect(Mirror(reflecting: Secret("hunter2")).children.isEmpty)
    }

    @Test("the value comes out where it is asked for, and equality looks at it")
    func reveal() {
        #expect(Secret("hunter2").reveal() == "hunter2")
        #expect(Secret("a") == Secret("a"))
        #expect(Secret("a") != Secret("b"))
        #expect(Secret("a").hashValue == Secret("a").hashValue)
    }
}
