// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshCompiler
import MeshModel
import MeshSnapshot
import Testing

@testable import MeshSimulator

struct FleetPlanTests {
    static let snapshot = Snapshot(
        version: 1, ports: [], rules: [],
        backends: [
            Backend(name: "default/near", endpoints: 0..<3),
            Backend(name: "site/far", endpoints: 3..<5),
        ],
        endpoints: [
            Endpoint(backend: 0, address: "10.0.0.1", port: 80),
            Endpoint(backend: 0, address: "10.0.0.2", port: 80),
            Endpoint(backend: 0, address: "10.0.0.3", port: 80),
            Endpoint(backend: 1, address: "10.0.1.1", port: 80),
            Endpoint(backend: 1, address: "10.0.0.1", port: 80),
        ],
        models: [], limits: ConnectionLimits(), telemetry: TelemetrySettings(),
        drainTimeout: .seconds(1))

    static func fleet(_ servers: String) throws -> FleetDocument {
        let text = """
            apiVersion: pinion.dev/v1alpha1
            kind: Fleet
            metadata:
              name: test
            spec:
              servers:

            """
        let (fleet, diagnostics) = FleetDocument.parse(
            SourceFile(path: "fleet.yaml", text: text + servers))
        return try #require(fleet, "\(diagnostics)")
    }

    static func resolve(
        _ servers: String
    ) throws -> (plan: FleetPlan?, diagnostics: [Diagnostic]) {
        FleetPlan.resolve(try fleet(servers), over: snapshot)
    }

    @Test("an endpoint's own entry counts before its backend's, and that before the rest")
    func precedence() throws {
        let (plan, _) = try Self.resolve(
            """
                - {backend: "*", profile: small}
                - {backend: near, profile: h100-8b}
                - {backend: near, endpoint: "10.0.0.2:80", profile: l4-8b}
            """)
        let servers = try #require(plan).servers
        #expect(
            servers.map(\.authority) == [
                "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.1.1:80",
            ])
        #expect(servers.map(\.profile.name) == ["h100-8b", "l4-8b", "h100-8b", "small"])
        #expect(plan?.usedEntries == [0, 1, 2])
    }

    @Test("coefficients that are written replace those of the profile")
    func overrides() throws {
        let (plan, _) = try Self.resolve(
            """
                - backend: "*"
                  profile: small
                  engine:
                    sequencesMax: 7
                    perContextTokenPicoseconds: 2500
                    stepBaseMicroseconds: 11
            """)
        let profile = try #require(plan?.servers.first?.profile)
        var expected = EngineProfile.small
        expected.sequencesMax = 7
        expected.perContextToken = 2.5
        expected.stepBase = .microseconds(11)
        #expect(profile == expected)
    }

    @Test("every coefficient that the file may name is one that a profile has")
    func coefficients() throws {
        let (fleet, problems) = FleetDocument.parse(
            SourceFile(
                path: "f",
                text: "apiVersion: pinion.dev/v1alpha1\nkind: Fleet\n"
                    + "metadata: {name: a}\n"
                    + "spec: {servers: [{backend: a, profile: b, engine: {x: 1}}]}"
            ))
        #expect(fleet == nil)
        let remedy = try #require(problems.first).remedy
        let names = remedy.split(separator: "`").enumerated()
            .filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
        #expect(names.count == 12)
        for name in names {
            var profile = EngineProfile.small
            let isKnown = profile.set(name, to: 3)
            #expect(isKnown && profile != .small, "\(name)")
        }
    }

    @Test("what no entry speaks of, and unknown profiles, are told with what to do")
    func mistakes() throws {
        let (plan, diagnostics) = try Self.resolve(
            """
                - {backend: near, profile: h100-8c}
                - {backend: near, endpoint: "10.0.0.2:80", profile: mainframe}
            """)
        #expect(plan == nil)
        let lines = diagnostics.map(\.description)
        #expect(lines.count == 4)
        #expect(
            lines[0].contains("endpoint `10.0.0.1:80` of Backend `site/far` has no entry"))
        #expect(lines[0].contains("add one with `backend: site/far`"))
        #expect(lines[2].hasPrefix("fleet.yaml:7:32: Fleet: spec.servers[0].profile: unknown"))
        #expect(lines[2].contains("did you mean `h100-8b`?"))
        #expect(lines[3].contains("the profiles are `instant`, `small`, `h100-8b`"))
    }

    @Test("faults become changes at their times, overlapping ones together")
    func faults() throws {
        let (plan, _) = try Self.resolve(
            """
                - backend: "*"
                  profile: small
                - backend: near
                  endpoint: 10.0.0.2:80
                  profile: small
                  faults:
                    - {kind: crash, at: 20s, for: 10s}
                    - {kind: slow, at: 5s, for: 10s, by: 2s, permille: 100}
                    - {kind: errors, at: 10s, status: 429}
            """)
        let incidents = try #require(plan).incidents.map { timed in
            (timed.at.nanoseconds / 1_000_000_000, "\(timed.incident)")
        }
        try #require(incidents.map(\.0) == [5, 10, 15, 20, 30])
        #expect(incidents[0].1.contains("slowPermille: 100"))
        #expect(incidents[0].1.contains("statusPermille: 0"))
        #expect(incidents[1].1.contains("slowPermille: 100"))
        #expect(incidents[1].1.contains("statuses: [429]"))
        #expect(incidents[2].1.contains("slowPermille: 0"))
        #expect(incidents[2].1.contains("statusPermille: 1000"))
        #expect(incidents[3].1 == "crash(server: 1)")
        #expect(incidents[4].1 == "restart(server: 1)")
    }

    @Test("names get addresses that nobody has, the same every time")
    func names() throws {
        var fleet = try Self.fleet(
            """
                - {backend: a, profile: small}
              names:
                - {hostname: b.example, addresses: 300}
            """)
        let names = ["a.example", "b.example", "c.example"].map {
            DNSName(hostname: $0, port: 80, refresh: .seconds(1))
        }
        let (resolved, problems) = MadeUpAddresses.resolve(names, fleet: fleet)
        #expect(problems.isEmpty)
        #expect(resolved.addresses(of: "a.example") == ["198.18.0.1"])
        let many = resolved.addresses(of: "b.example")
        #expect(many.count == 300 && many.contains("198.18.0.2") && many.contains("198.18.1.45"))
        #expect(resolved.addresses(of: "c.example") == ["198.18.1.46"])
        fleet.names[0].addresses = 200_000
        #expect(MadeUpAddresses.resolve(names, fleet: fleet).diagnostics.first?.line == 9)
    }
}
