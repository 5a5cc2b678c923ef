// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshIdentity
import MeshSnapshot
import MeshTelemetry
import Testing

@testable import MeshExchange

@Suite("rules about who the caller is")
struct IdentityFactTests {
    private let sample = IdentitySample()
    private let apiKey = IdentitySample.apiKey("team-a", scopes: ["chat", "admin"])

    /// A mesh where anybody may come and `condition` must hold.
    private func mesh(_ condition: String) throws -> SnapshotSample {
        var access = AccessSample()
        var mesh = IdentitySample.mesh(
            IdentitySample.changed(IdentitySample.tokens, isOptional: true),
            IdentitySample.changed(IdentitySample.apiKeys, isOptional: true))
        let id = try access.add(("r", .require, condition))
        for rule in mesh.rules.indices { mesh.rules[rule].access = [id] }
        mesh.access = access.table
        mesh.recording = RecordingSettings(perSecondMax: 100, ringMax: 100)
        return mesh
    }

    private func drive(_ mesh: SnapshotSample) throws -> Drive {
        let drive = Drive(mesh)
        drive.shard.callers.adopt(try sample.keys(), as: IdentitySample.tokens.material)
        drive.shard.callers.adopt(
            try IdentitySample.file(apiKey.key), as: IdentitySample.apiKeys.material)
        return drive
    }

    private func passes(_ condition: String, _ fields: String) throws -> Bool {
        let drive = try drive(try mesh(condition))
        let step = try drive.post(
            "/v1/chat/completions", #"{"model":"small"}"#, fields: fields)
        if step.dispatch != nil { drive.gone() }
        #expect(drive.unsettled == nil)
        return step.dispatch != nil
    }

    private static let claims =
        #""groups":["staff","admins"],"level":7,"ratio":0.5,"ok":true,"none":null,"#
        + #""org":{"id":"o1"},"https://x.test/role":"writer""#

    @Test(
        "claims have the types that they have in the token",
        arguments: [
            "jwt.claims.sub == 'alice'", "'admins' in jwt.claims.groups", "jwt.claims.level == 7",
            "jwt.claims.level > 6", "jwt.claims.ratio < 1.0", "jwt.claims.ok",
            "jwt.claims.none == null", "jwt.claims.org.id == 'o1'",
            "jwt.claims['https://x.test/role'] == 'writer'", "has(jwt.claims.level)",
            "!has(jwt.claims.nothing)", "'sub' in jwt.claims", "source.identity == 'alice'",
            "jwt.claims.exists(k, k == 'level')", "size(jwt.claims) == 11",
            "jwt.claims.groups.exists(g, g.startsWith('adm'))", "!has(source.key.id)",
        ])
    func claims(_ condition: String) throws {
        let token = try sample.token(Self.claims)
        #expect(try passes(condition, "Authorization: Bearer \(token)\r\n"))
        // What nobody verified is not known: such a rule lets nobody pass by default.
        if !condition.hasPrefix("!has") { #expect(try !passes(condition, "")) }
    }

    @Test(
        "what is another, or of another type, does not hold",
        arguments: [
            "jwt.claims.sub == 'Alice'", "'admin' in jwt.claims.groups",
            "jwt.claims.level == '7'", "jwt.claims.groups == 'admins'",
            "jwt.claims.nothing == 'x'", "jwt.claims.SUB == 'alice'", "source.key.owner == 'alice'",
        ])
    func others(_ condition: String) throws {
        let token = try sample.token(Self.claims)
        #expect(try !passes(condition, "Authorization: Bearer \(token)\r\n"))
    }

    @Test(
        "an API key has an id, an owner and scopes",
        arguments: [
            "source.key.owner == 'team-a'", "'admin' in source.key.scopes",
            "source.identity == 'team-a'", "has(source.key.id)", "!has(jwt.claims.sub)",
            "source.key.scopes.size() == 2",
        ])
    func keys(_ condition: String) throws {
        #expect(try passes(condition, "x-api-key: \(apiKey.text)\r\n"))
        #expect(try !passes("'root' in source.key.scopes", "x-api-key: \(apiKey.text)\r\n"))
    }

    @Test("a header says nothing about who somebody is")
    func spoofed() throws {
        let fields =
            "source.identity: alice\r\nx-identity: alice\r\njwt.claims.sub: alice\r\n"
            + "x-forwarded-user: alice\r\nx-jwt-payload: eyJzdWIiOiJhbGljZSJ9\r\n"
        #expect(try !passes("source.identity == 'alice'", fields))
        #expect(try !passes("jwt.claims.sub == 'alice'", fields))
    }

    @Test("a recording decides the same again, without token, key or claims that nobody reads")
    func recorded() throws {
        let token = try sample.token(
            #""level":7,"private":"not-for-logs","refresh_token":"hush-hush""#)
        let condition =
            "jwt.claims.level == 7 && jwt.claims.refresh_token == 'hush-hush' || "
            + "'admin' in source.key.scopes"
        let drive = try drive(try mesh(condition))
        for fields in [
            "Authorization: Bearer \(token)\r\n", "x-api-key: \(apiKey.text)\r\n", "",
            "Authorization: Bearer \(token)x\r\n",
            "Authorization: Bearer \(try sample.token(kid: "k2"))\r\n",
        ] {
            let step = try drive.post(
                "/v1/chat/completions", #"{"model":"small"}"#, fields: fields)
            if step.awaitsKeys != nil {
                drive.wait(.milliseconds(3))
                let rotated = try sample.keys(isRotated: true)
                drive.shard.callers.adopt(rotated, as: IdentitySample.tokens.material)
                drive.keysSettled()
            }
            if drive.doneCount == 0 { drive.gone() }
            let recording = try #require(drive.shard.recorder.all.last)
            let text = String(decoding: try JSONEncoder().encode(recording), as: UTF8.self)
            for secret in [token, apiKey.text, "not-for-logs", "hush-hush"] {
                #expect(!text.contains(secret.suffix(30)), "\(fields.prefix(20))")
            }
            let snapshot = drive.shard.snapshot
            let replay = try Replay.run(recording) { _ in snapshot }
            #expect(replay.difference == nil)
            let read = try JSONDecoder().decode(ExchangeRecording.self, from: Data(text.utf8))
            #expect(try Replay.run(read) { _ in snapshot }.difference == nil)
        }
        #expect(drive.shard.recorder.all.count == 5)
        let all = drive.shard.recorder.all.map { $0.refusalCode ?? "passed" }
        #expect(
            all == [
                "passed", "passed", "access-denied", "invalid-credential", "access-denied",
            ])
    }

    @Test("an explanation says who the caller is, and why it is nobody")
    func explained() throws {
        let drive = try drive(try mesh("source.identity == 'team-a'"))
        try drive.post(
            "/v1/chat/completions", #"{"model":"small"}"#, fields: "x-api-key: \(apiKey.text)\r\n")
        drive.gone()
        let recording = try #require(drive.shard.recorder.all.last)
        let text = Explanation.of(recording, under: drive.shard.snapshot).rendered
        #expect(
            text.contains(
                "identify: IdentityProvider default/keys knows the caller as `team-a`, by API key "
                    + apiKey.key.id), "\(text)")
    }

    @Test("a request that is only imagined brings a token that nobody signed")
    func imagined() throws {
        let snapshot = try mesh("jwt.claims.level == 7").snapshot
        func decision(_ token: String) -> String? {
            let head =
                "GET /v1/models HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer \(token)\r\n\r\n"
            let recording = DryRun.record(
                head: Array(head.utf8), body: nil, port: nil, under: snapshot, seed: 1,
                at: Instant(nanoseconds: 1), wallOffset: 0)
            return recording.map { $0.refusalCode ?? "passed" }
        }
        #expect(decision(try sample.token(#""level":7"#, expires: 0)) == "passed")
        #expect(decision(try sample.token(#""level":6"#)) == "access-denied")
    }
}
