// SPDX-License-Identifier: Apache-2.0

import MeshTelemetry
import Testing

@Suite("Trace state")
struct TraceStateTests {
    private func count(_ line: String) -> Int? {
        let bytes = Array(line.utf8)
        return TraceState.memberCount(in: bytes.span.bytes)
    }

    @Test(
        "a valid line is counted",
        arguments: [
            ("foo=1", 1), ("foo=1,bar=2", 2), ("foo=1 \t , \t bar=2", 2), ("", 0), (",", 0),
            ("foo=1,,bar=2,", 2), ("foo= 1", 1), ("foo=a b", 1), ("fw529a3039@dt=FfAQA", 1),
            ("0tenant@system=v", 1), ("a_-*/b=~!\"#$%&'()*+-./:;<>?@[\\]^_`{|}", 1),
            (String(repeating: "k", count: 256) + "=" + String(repeating: "v", count: 256), 1),
            ((0..<32).map { "k\($0)=v" }.joined(separator: ","), 32),
        ])
    func valid(line: String, members: Int) {
        #expect(count(line) == members)
    }

    @Test(
        "a line that is not valid is dropped",
        arguments: [
            "foo", "=1", "foo=", "foo =1", "Foo=1", "_foo=1", "foo=1=2", "foo=\u{7F}",
            "foo=ü", "foo=a\tb", "foo=1,foo=2", "foo@=\u{0}", "-a=1", "f o=1",
            String(repeating: "k", count: 257) + "=1", "k=" + String(repeating: "v", count: 257),
            (0..<33).map { "k\($0)=v" }.joined(separator: ","),
        ])
    func invalid(line: String) {
        #expect(count(line) == nil)
    }
}
