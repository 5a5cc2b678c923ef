// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshIdentity
import MeshLimits
import MeshSnapshot
import MeshTelemetry
import MeshWire
import Testing

@Suite("who the caller is")
struct IdentityTests {
    private let sample = IdentitySample()
    private static let chat = "/v1/chat/completions"
    private static let body = #"{"model":"small"}"#

    private func drive(
        _ mesh: SnapshotSample, keys: IdentityMaterial? = nil, file: IdentityMaterial? = nil,
        credentials: [Secret<[UInt8]>?] = []
    ) -> Drive {
        let drive = Drive(mesh, credentials: credentials)
        if let keys { drive.shard.callers.adopt(keys, as: IdentitySample.tokens.material) }
        if let file { drive.shard.callers.adopt(file, as: IdentitySample.apiKeys.material) }
        return drive
    }

    @discardableResult
    private func ask(_ drive: Drive, _ fields: String) throws -> Step {
        try drive.post(Self.chat, Self.body, fields: fields)
    }

    @Test("without a credential a caller is told how to send one, in the shape it reads")
    func missing() throws {
        let drive = drive(
            IdentitySample.mesh(IdentitySample.tokens, IdentitySample.apiKeys),
            keys: try sample.keys(), file: try IdentitySample.file())
        try ask(drive, "")
        #expect(drive.refusal == "unauthenticated")
        #expect(drive.record.status == 401)
        #expect(drive.written.field("www-authenticate") == "Bearer realm=\"pinion\"")
        #expect(drive.written.contains(#""type":"authentication_error""#))
        #expect(drive.unsettled == nil)
        for fields in ["Authorization: Basic YTpi\r\n", "Cookie: token=x\r\n"] {
            try ask(drive, fields)
            #expect(drive.refusal == "unauthenticated")
        }
    }

    @Test("a token is known by who signed it, and the second time without a signature")
    func token() throws {
        let drive = drive(
            IdentitySample.mesh(IdentitySample.tokens), keys: try sample.keys())
        let token = try sample.token()
        let step = try ask(drive, "Authorization: Bearer \(token)\r\n")
        #expect(step.dispatch != nil)
        #expect(drive.record.identity == "alice")
        #expect(drive.record.identityProvider == "default/corp")
        #expect(drive.forwarded().head.field("authorization") == nil)
        drive.gone()
        // More than the budget allows to be checked at once, if they were checked.
        for _ in 0..<3_000 {
            #expect(try ask(drive, "authorization: bearer  \(token)\r\n").dispatch != nil)
            drive.gone()
        }
        #expect(drive.unsettled == nil)
    }

    @Test("new tokens are checked within a budget, known ones always")
    func budget() throws {
        let drive = drive(
            IdentitySample.mesh(IdentitySample.tokens), keys: try sample.keys())
        let known = "Authorization: Bearer \(try sample.token())\r\n"
        try ask(drive, known)
        drive.gone()
        let good = try sample.token(subject: "bob")
        var refused: [String?] = []
        for number in 0..<1_100 {
            // Another signature each time: what was found out before says nothing of it.
            let tail = IdentitySample.encode(
                [UInt8(number >> 8), UInt8(number & 255)] + Array(repeating: 1, count: 62))
            let head = good.split(separator: ".").prefix(2).joined(separator: ".")
            try ask(drive, "Authorization: Bearer \(head).\(tail)\r\n")
            refused.append(drive.refusal)
        }
        #expect(refused.first == "invalid-credential")
        #expect(refused.last == "identity-unavailable")
        #expect(drive.record.status == 503)
        #expect(drive.written.field("retry-after") == "1")
        #expect(try ask(drive, known).dispatch != nil)
        drive.gone()
        drive.wait(.seconds(1))
        #expect(try ask(drive, "Authorization: Bearer \(good)\r\n").dispatch != nil)
    }

    @Test("a wrong token is refused with the reason, and nothing of it is repeated")
    func wrong() throws {
        let drive = drive(
            IdentitySample.mesh(IdentitySample.tokens), keys: try sample.keys())
        let good = try sample.token()
        let cases = [
            (try sample.token(expires: 3_000), "expired"),
            (String(good.dropLast(6)) + "AAAAAA", "signature"),
            ("abc.def.ghi", "not a signed JWT"), ("sk-0123456789", "not a signed JWT"),
            (good + "x", "not a signed JWT"), (String(repeating: "a", count: 20_000), "too large"),
        ]
        for (token, reason) in cases {
            try ask(drive, "Authorization: Bearer \(token)\r\n")
            #expect(drive.refusal == "invalid-credential", "\(reason)")
            #expect(drive.written.contains(reason), "\(reason)")
            #expect(!drive.written.contains(token.prefix(10)))
            let challenge = drive.written.field("www-authenticate") ?? ""
            #expect(challenge.contains("error=\"invalid_token\""))
            #expect(drive.unsettled == nil)
        }
    }

    @Test("a token dies when it expires, also one that was known")
    func expiry() throws {
        let drive = drive(
            IdentitySample.mesh(IdentitySample.tokens), keys: try sample.keys())
        // The clock of the test stands at 3600 s.
        let field = "Authorization: Bearer \(try sample.token(expires: 3_601))\r\n"
        #expect(try ask(drive, field).dispatch != nil)
        drive.gone()
        drive.wait(.seconds(60))
        #expect(try ask(drive, field).dispatch != nil)
        drive.gone()
        drive.wait(.seconds(1))
        try ask(drive, field)
        #expect(drive.refusal == "invalid-credential")
    }

    @Test("a token with the first bytes of a known one is another token")
    func prefixes() throws {
        let drive = drive(
            IdentitySample.mesh(IdentitySample.tokens), keys: try sample.keys())
        let padding = #""pad":"\#(String(repeating: "p", count: 900))""#
        let first = try sample.token("\(padding),\"role\":\"a\"")
        let second = try sample.token("\(padding),\"role\":\"b\"")
        #expect(first.prefix(1_000) == second.prefix(1_000))
        try ask(drive, "Authorization: Bearer \(first)\r\n")
        drive.gone()
        let forged = second.split(separator: ".").prefix(2) + first.split(separator: ".").suffix(1)
        try ask(drive, "Authorization: Bearer \(forged.joined(separator: "."))\r\n")
        #expect(drive.refusal == "invalid-credential")
    }

    @Test("an unknown key is asked for once, and the request waits for it")
    func rotation() throws {
        let drive = drive(
            IdentitySample.mesh(IdentitySample.tokens), keys: try sample.keys())
        let field = "Authorization: Bearer \(try sample.token(kid: "k2"))\r\n"
        let step = try ask(drive, field)
        #expect(step.awaitsKeys == 0 && drive.phase == .identifying)
        let rotated = try sample.keys(isRotated: true)
        drive.shard.callers.adopt(rotated, as: IdentitySample.tokens.material)
        let next = drive.keysSettled()
        #expect(next.collectsBody)
        #expect(drive.body(Self.body).dispatch != nil)
        drive.gone()
        #expect(drive.unsettled == nil)
        let unknown = try sample.token(kid: "k3")
        try ask(drive, "Authorization: Bearer \(unknown)\r\n")
        #expect(drive.phase == .done && drive.refusal == "invalid-credential")
        drive.wait(.seconds(31))
        #expect(try ask(drive, "Authorization: Bearer \(unknown)\r\n").awaitsKeys == 0)
        drive.keysSettled()
        #expect(drive.refusal == "invalid-credential")
        #expect(drive.unsettled == nil)
    }

    @Test("without keys a request waits, and is refused in the end, as one that may come again")
    func outage() throws {
        let drive = drive(IdentitySample.mesh(IdentitySample.tokens))
        let field = "Authorization: Bearer \(try sample.token())\r\n"
        #expect(try ask(drive, field).awaitsKeys == 0)
        drive.keysSettled()
        #expect(drive.refusal == "identity-unavailable" && drive.record.status == 503)
        #expect(drive.written.contains(#""retryable":true"#))
        try ask(drive, field)
        drive.wait(.milliseconds(4_999))
        drive.tick()
        #expect(drive.phase == .identifying)
        drive.expire()
        #expect(drive.refusal == "identity-unavailable")
        #expect(drive.unsettled == nil)
        try ask(drive, field)
        drive.gone()
        #expect(drive.unsettled == nil)
    }

    @Test("keys that are too old are no keys, whatever was known")
    func stale() throws {
        let drive = Drive(IdentitySample.mesh(IdentitySample.tokens))
        let keys = try sample.keys(until: drive.now + .seconds(100))
        drive.shard.callers.adopt(keys, as: IdentitySample.tokens.material)
        let field = "Authorization: Bearer \(try sample.token())\r\n"
        #expect(try ask(drive, field).dispatch != nil)
        drive.gone()
        drive.wait(.seconds(100))
        #expect(try ask(drive, field).awaitsKeys == 0)
        drive.keysSettled()
        #expect(drive.refusal == "identity-unavailable")
    }

    @Test("a key that its issuer withdrew takes its tokens with it")
    func withdrawn() throws {
        let drive = drive(
            IdentitySample.mesh(IdentitySample.tokens), keys: try sample.keys())
        let field = "Authorization: Bearer \(try sample.token())\r\n"
        #expect(try ask(drive, field).dispatch != nil)
        drive.gone()
        let none = Array(#"{"keys":[]}"#.utf8)
        drive.shard.callers.adopt(
            .keys(try KeySet(none.span.bytes), usableUntil: .distantFuture),
            as: IdentitySample.tokens.material)
        try ask(drive, field)
        drive.keysSettled()
        #expect(drive.refusal == "invalid-credential")
    }

    @Test(
        "an API key is taken from each of its fields, and none of it goes upstream",
        arguments: ["Authorization: Bearer ", "x-api-key: ", "API-Key: "])
    func apiKey(_ field: String) throws {
        let (key, text) = IdentitySample.apiKey("team-a")
        let drive = drive(
            IdentitySample.mesh(IdentitySample.apiKeys), file: try IdentitySample.file(key))
        #expect(try ask(drive, "\(field)\(text)\r\n").dispatch != nil)
        #expect(drive.record.identity == "team-a")
        #expect(!drive.forwarded().head.contains("pinion_"))
        drive.gone()
        for wrong in [
            text + "a", String(text.dropLast()) + "7", "pinion_", IdentitySample.apiKey("x").text,
        ] {
            try ask(drive, "\(field)\(wrong)\r\n")
            #expect(drive.refusal == "invalid-credential")
            #expect(!drive.written.contains(wrong.suffix(20)) || wrong == "pinion_")
        }
    }

    @Test("an API key that was revoked or expired is refused with the reason")
    func voidKeys() throws {
        var (revoked, revokedText) = IdentitySample.apiKey("a")
        revoked.revoked = 5
        let (expired, expiredText) = IdentitySample.apiKey("b", expires: 3_600)
        let drive = drive(
            IdentitySample.mesh(IdentitySample.apiKeys),
            file: try IdentitySample.file(revoked, expired))
        try ask(drive, "x-api-key: \(revokedText)\r\n")
        #expect(drive.written.contains("was revoked"))
        try ask(drive, "x-api-key: \(expiredText)\r\n")
        #expect(drive.written.contains("has expired"))
        // A wrong secret is told nothing of that.
        try ask(drive, "x-api-key: \(String(revokedText.dropLast(2)))aa\r\n")
        #expect(!drive.written.contains("was revoked"))
    }

    @Test("more than one credential is none")
    func several() throws {
        let (key, text) = IdentitySample.apiKey("a")
        let token = try sample.token()
        let drive = drive(
            IdentitySample.mesh(IdentitySample.tokens, IdentitySample.apiKeys),
            keys: try sample.keys(), file: try IdentitySample.file(key))
        for fields in [
            "Authorization: Bearer \(token)\r\nAuthorization: Bearer \(token)\r\n",
            "Authorization: Bearer \(token)\r\nx-api-key: \(text)\r\n",
            "x-api-key: \(text)\r\napi-key: \(text)\r\n",
            "Authorization: Basic x\r\nAuthorization: Bearer \(text)\r\n",
        ] {
            try ask(drive, fields)
            #expect(drive.refusal == "invalid-credential", "\(fields.prefix(40))")
        }
        #expect(try ask(drive, "Authorization: Bearer \(token)\r\n").dispatch != nil)
        drive.gone()
        #expect(try ask(drive, "x-api-key: \(text)\r\n").dispatch != nil)
    }

    @Test("where nobody reads tokens, one beside an API key is for the upstream")
    func ownToken() throws {
        let (key, text) = IdentitySample.apiKey("a")
        let drive = drive(
            IdentitySample.mesh(IdentitySample.apiKeys), file: try IdentitySample.file(key))
        for fields in [
            "Authorization: Bearer sk-own\r\nx-api-key: \(text)\r\n",
            "x-api-key: \(text)\r\nAuthorization: Bearer sk-own\r\n",
        ] {
            #expect(try ask(drive, fields).dispatch != nil)
            #expect(drive.forwarded().head.field("authorization") == "Bearer sk-own")
            #expect(drive.forwarded().head.field("x-api-key") == nil)
            drive.gone()
        }
    }

    @Test("optional means that nobody may come, and not that anything may")
    func optional() throws {
        let provider = IdentitySample.changed(IdentitySample.tokens, isOptional: true)
        let drive = drive(IdentitySample.mesh(provider), keys: try sample.keys())
        #expect(try ask(drive, "").dispatch != nil)
        #expect(drive.record.identity == nil)
        drive.gone()
        try ask(drive, "Authorization: Bearer nonsense\r\n")
        #expect(drive.refusal == "invalid-credential")
    }

    @Test("a credential goes on only where that is wished, and never to a stranger")
    func forwarding() throws {
        let provider = IdentitySample.changed(IdentitySample.tokens, forwards: true)
        let token = try sample.token()
        let drive = drive(
            IdentitySample.mesh(provider, fallbacks: 1), keys: try sample.keys())
        #expect(try ask(drive, "Authorization: Bearer \(token)\r\n").dispatch != nil)
        #expect(drive.forwarded().head.field("authorization") == "Bearer \(token)")
        // The fallback is somebody else.
        #expect(drive.failed(.connect).dispatch != nil)
        #expect(drive.forwarded().head.field("authorization") == nil)
        drive.gone()
    }

    @Test("a model's own providers are asked once the model is known")
    func ofModel() throws {
        let (key, text) = IdentitySample.apiKey("a")
        var mesh = SnapshotSample.model()
        mesh.identity = [IdentitySample.tokens, IdentitySample.apiKeys]
        mesh.models[0].identity = [1]
        let drive = drive(
            mesh, keys: try sample.keys(), file: try IdentitySample.file(key))
        try ask(drive, "")
        #expect(drive.refusal == "unauthenticated")
        #expect(try ask(drive, "x-api-key: \(text)\r\n").dispatch != nil)
        #expect(drive.record.identityProvider == "default/keys")
        drive.gone()
        // A token that the listener takes is not enough for the model.
        mesh.rules[0].identity = [0]
        drive.adopt(mesh)
        try ask(drive, "Authorization: Bearer \(try sample.token())\r\n")
        #expect(drive.refusal == "invalid-credential")
        // It waits with the body at hand.
        mesh.rules[0].identity = []
        mesh.models[0].identity = [0]
        drive.adopt(mesh)
        let step = try ask(drive, "Authorization: Bearer \(try sample.token(kid: "k2"))\r\n")
        #expect(step.awaitsKeys == 0)
        let rotated = try sample.keys(isRotated: true)
        drive.shard.callers.adopt(rotated, as: IdentitySample.tokens.material)
        #expect(drive.keysSettled().dispatch != nil)
        drive.gone()
        #expect(drive.unsettled == nil)
    }

    @Test("limits count apart by identity, whatever the address")
    func limits() throws {
        let (a, textA) = IdentitySample.apiKey("a")
        let (b, textB) = IdentitySample.apiKey("b")
        var mesh = IdentitySample.mesh(IdentitySample.apiKeys)
        mesh.usageLimits = [
            Limit(
                policy: "p", name: "each", unit: .requests, amount: 1, period: .seconds(3_600),
                key: [.identity])
        ]
        mesh.rules[0].limits = [0]
        let drive = drive(mesh, file: try IdentitySample.file(a, b))
        for text in [textA, textB] {
            #expect(try ask(drive, "x-api-key: \(text)\r\n").dispatch != nil)
            drive.sent()
            drive.gone()
            try ask(drive, "x-api-key: \(text)\r\n")
            #expect(drive.refusal == "request-limit")
        }
    }
}
