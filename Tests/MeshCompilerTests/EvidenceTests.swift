// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshCompiler
import MeshModel
import MeshSnapshot
import Testing

@Suite("Evidence about endpoints")
struct EvidenceTests {
    /// The public key of a verifier whose private half was thrown away.
    private static let keys =
        #"{"keys":[{"kty":"EC","crv":"P-256","kid":"v1","alg":"ES256","#
        + #""x":"lmBzIF7eTSdLvbAUITTiuBQXL8vq1_QyK07T8LbkHJU","#
        + #""y":"FB9hJ71-YhpXfuRTvV5kyi5_PLgl-hxWQ7phruNnZto"}]}"#

    /// `{"iss":"https://verifier.test","sub":"node-1","jti":"evidence-1","iat":1767225600,
    /// "exp":4102444800,"dbgstat":"disabled","x-measurement":"aa11"}`
    private static let sound =
        "eyJhbGciOiJFUzI1NiIsImtpZCI6InYxIiwidHlwIjoiZWF0K2p3dCJ9.eyJpc3MiOiJodHRwczovL3Zlcmlm"
        + "aWVyLnRlc3QiLCJzdWIiOiJub2RlLTEiLCJqdGkiOiJldmlkZW5jZS0xIiwiaWF0IjoxNzY3MjI1NjAwLCJl"
        + "eHAiOjQxMDI0NDQ4MDAsImRiZ3N0YXQiOiJkaXNhYmxlZCIsIngtbWVhc3VyZW1lbnQiOiJhYTExIn0.sOch"
        + "UIALCiQAczb_mWk4gAljLV8m2GGaT9Xj0vQQJlCSFGr38ewKMTPH-OpxBMW5BfXZiawKPQBtKN-hzqi8tw"

    /// The same with `"dbgstat":"enabled"`.
    private static let debugged =
        "eyJhbGciOiJFUzI1NiIsImtpZCI6InYxIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL3ZlcmlmaWVy"
        + "LnRlc3QiLCJzdWIiOiJub2RlLTEiLCJqdGkiOiJldmlkZW5jZS0yIiwiaWF0IjoxNzY3MjI1NjAwLCJleHAi"
        + "OjQxMDI0NDQ4MDAsImRiZ3N0YXQiOiJlbmFibGVkIiwieC1tZWFzdXJlbWVudCI6ImFhMTEifQ.JtuJEoa09"
        + "-swUlCsIAwdOeD0OYl7sDDZlqRqQFP67At2Ja4TSn4-Cfm-jhGlEhgEIN72h1IrTJK-SH_IeNjACQ"

    /// A Backend with evidence, a verifier with these lines, and a policy that asks for it.
    private func mesh(
        verifier: [String] = ["measurements: \"claims['x-measurement']\""],
        evidence: String = "verifier: v, file: node.jwt",
        demand: String = "verifiers: [v], measurements: [aa11]"
    ) -> String {
        Piece.gateway
            + Piece.llm.replacing("  endpoints:", with: "  evidence: {\(evidence)}\n  endpoints:")
            + Piece.model("m") + """
                apiVersion: pinion.dev/v1alpha1
                kind: AttestationVerifier
                metadata: {name: v}
                spec:
                  issuer: https://verifier.test
                  jwksFile: keys.json
                \(verifier.map { "  \($0)" }.joined(separator: "\n"))
                ---
                apiVersion: pinion.dev/v1alpha1
                kind: ResidencyPolicy
                metadata: {name: p}
                spec:
                  label: phi
                  sources: [{header: x-label}]
                  allow: {attestation: {\(demand)}}

                """
    }

    private func compile(
        _ text: String, keys: String? = EvidenceTests.keys, evidence: String? = nil
    ) -> Compilation {
        let (resources, problems) = ResourceSet.parse([SourceFile(path: "mesh.yaml", text: text)])
        #expect(problems == [])
        var files = EvidenceFiles()
        files.set("keys.json", keys.map { Array($0.utf8) })
        files.set("node.jwt", evidence.map { Array($0.utf8) })
        return Compiler.compile(
            resources, resolved: ResolvedNames(), evidence: files, version: 1)
    }

    private let time = WallTime(nanoseconds: 1_800_000_000_000_000_000)

    private func mayGo(_ made: Compilation, at time: WallTime? = nil) throws -> Bool {
        let snapshot = try #require(made.snapshot, "\(made.diagnostics)")
        return try #require(snapshot.residency.gates.first).admits(
            Carried(DataLabels(number: 0), at: time ?? self.time))
    }

    @Test("sound evidence opens the gate for its time")
    func sound() throws {
        let made = compile(mesh(), evidence: Self.sound)
        #expect(made.diagnostics == [] && made.files == ["keys.json", "node.jwt"])
        #expect(try mayGo(made))
        let found = try #require(made.snapshot?.endpoints.first?.attestation)
        #expect(found.id == "evidence-1" && found.measurements == ["aa11"])
        #expect(found.verifier == "default/v")
        #expect(try mayGo(made, at: WallTime(nanoseconds: 4_102_444_799_999_999_999)))
        #expect(try !mayGo(made, at: WallTime(nanoseconds: 4_102_444_800_000_000_000)))
        #expect(try !mayGo(made, at: WallTime(nanoseconds: 1_767_225_599_999_999_999)))
    }

    @Test("before files were looked at they are asked for, and nothing is complained of")
    func first() throws {
        let (resources, _) = ResourceSet.parse([SourceFile(path: "mesh.yaml", text: mesh())])
        let made = Compiler.compile(resources, resolved: ResolvedNames(), version: 1)
        #expect(made.files == ["keys.json", "node.jwt"] && made.diagnostics == [])
        #expect(try !mayGo(made))
    }

    @Test("evidence that cannot be used is none, and is told")
    func unusable() throws {
        let require = "require: \"claims.dbgstat == 'disabled'\""
        let cases: [(Compilation, String)] = [
            (compile(mesh(), evidence: nil), "it cannot be read"),
            (compile(mesh(), keys: nil, evidence: Self.sound), "it cannot be read"),
            (compile(mesh(), keys: "{}", evidence: Self.sound), "no list `keys`"),
            (compile(mesh(), evidence: "secret"), "not a signed JWT"),
            (compile(mesh(), evidence: String(Self.sound.dropLast(4)) + "AAAA"), "signature"),
            (
                compile(
                    mesh(evidence: "verifier: v, file: node.jwt, subject: node-2"),
                    evidence: Self.sound), "about somebody else"
            ),
            (compile(mesh(verifier: [require]), evidence: Self.debugged), "`require`"),
            (
                compile(
                    mesh(verifier: ["require: claims.absent == 1"]), evidence: Self.sound),
                "`require`"
            ),
            (
                compile(
                    mesh(verifier: ["measurements: claims.absent"]), evidence: Self.sound),
                "no measurements"
            ),
            (
                compile(mesh(verifier: ["measurements: claims.iat"]), evidence: Self.sound),
                "no measurements"
            ),
            (
                compile(
                    mesh(verifier: ["algorithms: [EdDSA]"]), evidence: Self.sound),
                "algorithm that is not allowed"
            ),
        ]
        for (made, reason) in cases {
            #expect(made.diagnostics.count == 1, "\(made.diagnostics)")
            #expect(made.diagnostics.first?.severity == .warning)
            #expect(made.diagnostics.first?.message.contains(reason) == true, "\(made.diagnostics)")
            #expect(try !mayGo(made))
        }
        let sound = compile(
            mesh(verifier: [require], demand: "verifiers: [v]"), evidence: Self.sound)
        #expect(try mayGo(sound) && sound.diagnostics == [])
    }

    @Test("evidence without the measurement that is asked for does not open the gate")
    func measurements() throws {
        let made = compile(
            mesh(demand: "verifiers: [v], measurements: [bb22]"), evidence: Self.sound)
        #expect(try !mayGo(made))
        #expect(try !mayGo(compile(mesh(verifier: []), evidence: Self.sound)))
    }

    @Test("mistakes are errors at their place")
    func mistakes() {
        for (text, message) in [
            (mesh(evidence: "verifier: w, file: node.jwt"), "no AttestationVerifier `w`"),
            (mesh(demand: "verifiers: [v, w]"), "no AttestationVerifier `w`"),
            (mesh(verifier: ["require: claims.x + 1"]), "is asked for"),
            (mesh(verifier: ["require: request.path == ''"]), "undeclared name"),
            (mesh(verifier: ["maxAge: 0s"]), "cannot be zero"),
        ] {
            let made = compile(text, evidence: Self.sound)
            #expect(made.snapshot == nil)
            #expect(made.diagnostics.contains { $0.message.contains(message) && $0.line > 0 })
        }
    }
}
