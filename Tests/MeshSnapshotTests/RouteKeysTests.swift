// SPDX-License-Identifier: Apache-2.0

import MeshBasics
@testable import MeshSnapshot
import Testing

@Suite("the keys of a route index")
struct RouteKeysTests {
    private func find(
        _ text: String, scope: Int32 = 0, lowercasing: Bool = false, in keys: RouteKeys
    ) -> Int32 {
        let bytes = Array(text.utf8)
        return keys.find(bytes.span.bytes, scope: scope, lowercasing: lowercasing)
    }

    @Test("finds each key of every length in its own scope and no other", arguments: 0...40)
    func lengths(length: Int) {
        var keys = RouteKeys()
        let text = String(repeating: "k", count: length)
        var known: [[UInt8]: Int32] = [:]
        keys.insert(Array(text.utf8), scope: 1, value: 11, interned: &known)
        keys.insert(Array(text.utf8), scope: 2, value: 22, interned: &known)
        #expect(find(text, scope: 1, in: keys) == 11)
        #expect(find(text, scope: 2, in: keys) == 22)
        #expect(find(text, scope: 3, in: keys) == -1)
        #expect(find(text + "k", scope: 1, in: keys) == -1)
        #expect(find(text + "\0", scope: 1, in: keys) == -1)
        if length > 0 {
            #expect(find(String(text.dropLast()), scope: 1, in: keys) == -1)
            #expect(find("K" + text.dropFirst(), scope: 1, in: keys) == -1)
            #expect(find("K" + text.dropFirst(), scope: 1, lowercasing: true, in: keys) == 11)
        }
    }

    @Test("takes letters, and nothing but letters, as lower case")
    func everyByte() {
        for byte in UInt8.min...UInt8.max {
            for place in [0, 9, 17] {
                var key = [UInt8](repeating: UInt8(ascii: "x"), count: 20)
                key[place] = ASCII.lowercased(byte)
                var keys = RouteKeys()
                var known: [[UInt8]: Int32] = [:]
                keys.insert(key, scope: 0, value: 5, interned: &known)
                var asked = key
                asked[place] = byte
                #expect(keys.find(asked.span.bytes, scope: 0, lowercasing: true) == 5)
                asked[place] = byte ^ 0x20
                let isLetter = ASCII.lowercased(asked[place]) == key[place]
                let found = keys.find(asked.span.bytes, scope: 0, lowercasing: true)
                #expect((found == 5) == isLetter, "byte \(byte) at \(place)")
            }
        }
    }

    @Test("holds thousands of keys")
    func many() {
        var keys = RouteKeys()
        var known: [[UInt8]: Int32] = [:]
        for i in 0..<5000 {
            keys.insert(
                Array("/key/\(i)".utf8), scope: Int32(i % 7), value: Int32(i), interned: &known)
        }
        for i in 0..<5000 {
            #expect(find("/key/\(i)", scope: Int32(i % 7), in: keys) == i)
            #expect(find("/key/\(i)", scope: Int32((i + 1) % 7), in: keys) == -1)
        }
        #expect(find("/key/5000", scope: 0, in: keys) == -1)
    }
}
