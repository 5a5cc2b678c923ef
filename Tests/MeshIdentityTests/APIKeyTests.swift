// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshIdentity

@Suite("API keys")
struct APIKeyTests {
    private func made(
        _ first: UInt8 = 1, owner: String = "alice", expires: Int64? = nil
    ) -> (key: APIKey, text: Secret<String>) {
        APIKey.make(
            owner: owner, scopes: ["chat"], created: 100, expires: expires,
            seed: (0..<APIKey.seedBytes).map { UInt8($0) &* 7 &+ first })
    }

    private func find(_ text: String, in keys: [APIKey]) throws -> APIKey {
        let lines = keys.map(\.line).joined(separator: [UInt8(ascii: "\n")])
        let bytes = Array(text.utf8)
        return try APIKeySet(Array(lines)).key(matching: bytes.span.bytes)
    }

    @Test("a key is found by its text, and only by all of it")
    func found() throws {
        let (key, secret) = made()
        let other = made(2)
        let text = secret.reveal()
        #expect(text.count == 7 + 12 + 1 + 52)
        #expect(try find(text, in: [other.key, key]) == key)
        for at in 0..<text.utf8.count {
            var bytes = Array(text.utf8)
            bytes[at] = bytes[at] == UInt8(ascii: "a") ? UInt8(ascii: "b") : UInt8(ascii: "a")
            let changed = String(decoding: bytes, as: UTF8.self)
            #expect(throws: APIKey.Fault.self) { try find(changed, in: [other.key, key]) }
        }
        for broken in [
            "", "pinion_", String(text.dropLast()), text + "a", text.uppercased(), text + "\u{0}",
            "pinion_\(key.id)_", "' OR '1'='1", other.text.reveal(),
            String(text.prefix(20)) + other.text.reveal().suffix(52),
        ] {
            #expect(throws: APIKey.Fault.self) { try find(broken, in: [key]) }
        }
    }

    @Test("no line of a file holds the secret, and a line read is the key that was written")
    func lines() throws {
        let (key, secret) = made(3, owner: "bob \"x\"\n", expires: 5)
        let line = String(decoding: key.line, as: UTF8.self)
        #expect(!line.contains(secret.reveal().suffix(52)))
        #expect(!line.contains("\n"))
        #expect(APIKey(line: key.line.span.bytes) == key)
        #expect("\(secret)" == "[redacted]")
    }

    @Test(
        "a file with a line that is no key is refused as a whole, without a word of it",
        arguments: [
            "{}", "x", #"{"id":"aaaaaaaaaaaa","owner":"","scopes":[]}"#, "null", "[]",
        ])
    func brokenFile(_ line: String) {
        let whole = made().key.line + [UInt8(ascii: "\n")] + Array(line.utf8)
        do throws(APIKeySet.Fault) {
            _ = try APIKeySet(whole)
            Issue.record("it was taken")
        } catch {
            #expect(error.line == 2)
            #expect(!error.message.contains(line))
        }
    }

    @Test("a broken time voids the file, not the time")
    func brokenTime() {
        let line = String(decoding: made().key.line, as: UTF8.self)
        let broken = line.replacing("\"revoked\":null", with: "\"revoked\":\"no\"")
        #expect(broken != line)
        #expect(throws: APIKeySet.Fault.self) { try APIKeySet(Array(broken.utf8)) }
    }

    @Test("one id stands for one key")
    func twice() {
        let line = made().key.line
        #expect(throws: APIKeySet.Fault.self) {
            try APIKeySet(line + [UInt8(ascii: "\n")] + line)
        }
    }

    @Test("a key is in force until it expires or is revoked")
    func force() throws {
        var key = made(expires: 200).key
        func fault(_ seconds: Int64) -> APIKey.Fault? {
            do throws(APIKey.Fault) {
                try key.check(at: WallTime(nanoseconds: seconds * 1_000_000_000))
                return nil
            } catch {
                return error
            }
        }
        #expect(fault(199) == nil)
        #expect(fault(200) == .expired)
        key.revoked = 150
        #expect(fault(199) == .revoked)
    }

    @Test("keys of different seeds differ in every part")
    func different() {
        let (a, b) = (made(1), made(2))
        #expect(a.key.id != b.key.id && a.key.salt != b.key.salt && a.key.hash != b.key.hash)
        #expect(a.text.reveal() != b.text.reveal())
    }
}
