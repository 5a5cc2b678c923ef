// SPDX-License-Identifier: Apache-2.0

import MeshRouting
import MeshSnapshot
import Testing

@Suite("names that decide")
struct MatchNamesTests {
    private func matches(_ written: String, _ host: String) -> Bool {
        let bytes = Array(host.utf8)
        return hostname(written).matches(bytes.span.bytes)
    }

    @Test("a hostname matches without case, a wildcard one or more labels")
    func hostnames() {
        #expect(matches("a.com", "A.com"))
        #expect(!matches("a.com", "b.a.com"))
        #expect(matches("*.a.com", "b.A.com"))
        #expect(matches("*.a.com", "c.b.a.com"))
        #expect(!matches("*.a.com", "a.com"))
        #expect(!matches("*.a.com", ".a.com"))
        #expect(!matches("*.a.com", "xa.com"))
        #expect(!matches("*.a.com", ""))
    }

    @Test("a request belongs to the listener with the most specific hostname")
    func listeners() {
        let names: [String?] = ["a.com", "*.b.com", "*.com", nil]
        let listeners = names.map {
            Listener(name: "l", hostname: $0.map(hostname), routes: .empty, models: [])
        }
        func listener(_ host: String, _ count: Int) -> Int? {
            let bytes = Array(host.utf8)
            let port = Port(
                address: "127.0.0.1", number: 80, listeners: Array(listeners.prefix(count)))
            return port.listener(for: bytes.span.bytes)
        }
        #expect(listener("A.com", 4) == 0)
        #expect(listener("x.b.com", 4) == 1)
        #expect(listener("b.com", 4) == 2)
        #expect(listener("localhost", 4) == 3)
        #expect(listener("localhost", 3) == nil)
    }

    @Test("a model is found by its whole name, else the one called *", arguments: [true, false])
    func models(hasDefault: Bool) {
        var names = ["a", "ab", "b", "gpt", "gpt-4o", "gpt-4o-mini", "ü"]
        if hasDefault { names.insert("*", at: 0) }
        let models = names.enumerated().map {
            NamedModel(name: Array($1.utf8), model: ModelID($0))
        }
        let listener = Listener(name: "l", hostname: nil, routes: .empty, models: models)
        func model(_ name: String) -> ModelID? {
            let bytes = Array(name.utf8)
            return listener.model(named: bytes.span.bytes)
        }
        for (number, name) in names.enumerated() { #expect(model(name) == ModelID(number)) }
        for name in ["", "A", "abc", "gpt-4", "gpt-5", "zz", "üü"] {
            #expect(model(name) == (hasDefault ? 0 : nil))
        }
    }
}
