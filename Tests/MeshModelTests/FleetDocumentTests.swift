// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshModel

struct FleetDocumentTests {
    static let whole = """
        apiVersion: pinion.dev/v1alpha1
        kind: Fleet
        metadata:
          name: two-sites
        spec:
          servers:
            - backend: near
              endpoint: 10.0.0.1:9000
              profile: h100-8b
              engine:
                sequencesMax: 64
              faults:
                - kind: slow
                  at: 10s
                  for: 5s
                  by: 2s
                  permille: 250
                - kind: errors
                  status: 429
            - backend: "*"
              profile: small
          names:
            - hostname: pool.example
              addresses: 4
          network:
            callersMicroseconds: 5000
            serversMicroseconds: 250
            jitterMicroseconds: 10
            lossPermille: 3
        """

    static func parse(_ text: String) -> (fleet: FleetDocument?, diagnostics: [Diagnostic]) {
        FleetDocument.parse(SourceFile(path: "fleet.yaml", text: text))
    }

    @Test("every field is read")
    func fields() throws {
        let (found, diagnostics) = Self.parse(Self.whole)
        #expect(diagnostics.isEmpty)
        let fleet = try #require(found)
        #expect(fleet.name == "two-sites")
        #expect(fleet.servers.count == 2)
        let server = fleet.servers[0]
        #expect(server.backend.value == "near")
        #expect(server.endpoint?.value == "10.0.0.1:9000")
        #expect(server.profile.place.line == 9)
        #expect(server.engine == [.init(name: "sequencesMax", value: 64)])
        #expect(server.faults.map(\.kind) == [.slow, .errors])
        #expect(server.faults[0].at == .seconds(10) && server.faults[0].duration == .seconds(5))
        #expect(server.faults[0].delay == .seconds(2) && server.faults[0].permille == 250)
        #expect(server.faults[1].at == .zero && server.faults[1].duration == nil)
        #expect(server.faults[1].status == 429 && server.faults[1].permille == 1000)
        #expect(fleet.servers[1].endpoint == nil && fleet.servers[1].faults.isEmpty)
        #expect(fleet.names.map(\.hostname.value) == ["pool.example"])
        #expect(fleet.names[0].addresses == 4)
        #expect(fleet.network.callers == .milliseconds(5))
        #expect(fleet.network.servers == .microseconds(250))
        #expect(fleet.network.jitter == .microseconds(10))
        #expect(fleet.network.lossPermille == 3)
    }

    @Test("an entry speaks of a backend by name, by full name, or of all")
    func backends() throws {
        var server = try #require(Self.parse(Self.whole).fleet).servers[0]
        #expect(server.names(backend: "default/near"))
        #expect(!server.names(backend: "other/near") && !server.names(backend: "default/nearer"))
        server.backend.value = "other/near"
        #expect(server.names(backend: "other/near") && !server.names(backend: "default/near"))
        server.backend.value = "*"
        #expect(server.names(backend: "other/far"))
    }

    @Test(
        "a mistake is told with its place and what to do",
        arguments: [
            ("kind: Fleet", "kind: Fleets", 2, "did you mean `Fleet`?"),
            ("profile: h100-8b", "profil: h100-8b", 9, "did you mean `profile`?"),
            ("kind: slow", "kind: explode", 13, "write one of `crash`"),
            ("at: 10s", "at: 10", 14, "put it in quotes"),
            ("sequencesMax: 64", "sequencesMax: 0", 11, "from 1 to"),
            ("addresses: 4", "addresses: many", 24, "write a number"),
            ("network:", "networks:", 25, "did you mean `network`?"),
        ])
    func mistakes(before: String, after: String, line: Int, remedy: String) throws {
        let text = Self.whole.replacingFirst(before, by: after)
        let (fleet, diagnostics) = Self.parse(text)
        #expect(fleet == nil)
        let first = try #require(diagnostics.first { $0.line == line }, "\(diagnostics)")
        #expect(first.remedy.contains(remedy), "\(first)")
        #expect(first.file == "fleet.yaml" && first.column > 0)
    }

    @Test("a file holds one fleet")
    func count() {
        #expect(Self.parse("").diagnostics.first?.message == "the file holds 0 documents")
        let two = Self.parse(Self.whole + "\n---\n" + Self.whole)
        #expect(two.fleet == nil)
        #expect(two.diagnostics.first?.message == "the file holds 2 documents")
        #expect(Self.parse("kind: [").diagnostics.count == 1)
    }
}

extension String {
    /// The text with the first `part` replaced.
    fileprivate func replacingFirst(_ part: String, by other: String) -> String {
        guard let found = firstRange(of: part) else { return self }
        return replacingCharacters(in: found, with: other)
    }

    private func replacingCharacters(in range: Range<Index>, with other: String) -> String {
        String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
    }
}
