// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshExchange
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Requests that meet access rules")
struct AccessTests {
    private typealias Rules = [(String, AccessRule.Action, String)]
    private let chat = "/v1/chat/completions"

    /// A plain route under a policy of one rule.
    private func plain(
        _ action: AccessRule.Action, _ text: String, allowsByDefault: Bool? = nil,
        isAudit: Bool = false, message: String? = nil
    ) throws -> Drive {
        var access = AccessSample()
        var sample = SnapshotSample()
        sample.rules[0].access = [
            try access.add(
                allowsByDefault: allowsByDefault, isAudit: isAudit, message: message,
                ("r", action, text))
        ]
        sample.access = access.table
        let drive = Drive(sample)
        drive.exchange.peer = bytes("192.0.2.7")
        return drive
    }

    /// One model under a policy of one rule on its route.
    private func model(_ action: AccessRule.Action, _ text: String) throws -> Drive {
        var access = AccessSample()
        var sample = SnapshotSample.model()
        let id = try access.add(("r", action, text))
        for rule in sample.rules.indices { sample.rules[rule].access = [id] }
        sample.access = access.table
        let drive = Drive(sample)
        drive.exchange.peer = bytes("192.0.2.7")
        return drive
    }

    /// Whether the request of `step` was refused by a rule, having reached nobody.
    private func isDenied(_ drive: Drive) -> Bool {
        drive.refusal == "access-denied" && drive.unsettled == nil && drive.record.attempts == 0
    }

    @Test("a request that a rule denies is told which, in the tongue that it speaks")
    func denied() throws {
        let drive = try plain(
            .deny, "request.headers['x-team'] == 'blocked'", message: "ask the owner")
        try drive.get("/", fields: "X-Team: blocked\r\n")
        #expect(isDenied(drive) && drive.keepsAlive)
        #expect(drive.written.startLine == "HTTP/1.1 403 Forbidden")
        #expect(drive.written.field("content-type") == "application/problem+json")
        for part in ["rule r of AccessPolicy default/p", "denies", "ask the owner", "\"policy\""] {
            #expect(drive.written.afterHead.contains(part), "\(drive.written)")
        }
        #expect(drive.record.accessRule == "default/p/r" && drive.record.fault == .policy)
        #expect(try drive.get("/", fields: "X-Team: search\r\n").dispatch != nil)
        #expect(drive.record.accessRule == nil)

        let ai = try model(.deny, "ai.model == 'small'")
        try ai.post(chat, #"{"model":"small"}"#)
        #expect(isDenied(ai) && ai.written.afterHead.contains("permission_error"))
    }

    @Test(
        "deny, require, allow and the default decide in this order",
        arguments: [
            (["deny"], nil, false), (["require"], nil, true), (["allow"], nil, true),
            (["deny", "allow"], nil, false), (["allow", "deny"], nil, false),
            (["require", "allow"], nil, true), (["!deny", "allow"], nil, true),
            (["!require", "allow"], nil, false), (["!allow"], nil, false),
            (["!allow"], true, true), (["!allow", "allow"], nil, true), (["!deny"], nil, true),
            (["!deny"], false, false), ([], nil, true), ([], false, false),
            (["deny", "!require"], nil, false),
        ] as [([String], Bool?, Bool)])
    func order(rules: [String], allowsByDefault: Bool?, passes: Bool) throws {
        for negated in ["request.method == 'GET'", "ai.operation == ''"] {
            var access = AccessSample()
            var sample = SnapshotSample()
            sample.rules[0].access = [
                try access.policy(allowsByDefault: allowsByDefault, rules, condition: negated)
            ]
            sample.access = access.table
            let drive = Drive(sample)
            let step = try drive.get("/")
            #expect((step.dispatch != nil) == passes, "\(rules)")
            #expect(passes || isDenied(drive))
        }
    }

    @Test(
        "a rule that cannot be evaluated refuses, whatever it means",
        arguments: [AccessRule.Action.deny, .require, .allow])
    func failure(action: AccessRule.Action) throws {
        for text in ["request.headers['x-n'] == '1'", "int(request.headers['x-team']) > 0"] {
            let drive = try plain(action, text)
            try drive.get("/", fields: "X-Team: a-secret\r\n")
            #expect(isDenied(drive))
            #expect(drive.written.afterHead.contains("could not be evaluated"))
            #expect(!drive.written.contains("a-secret"))
        }
    }

    @Test(
        "what the caller writes is read as every server reads it",
        arguments: [
            ("request.path == '/a/b'", "GET /a/./c/../b HTTP/1.1\r\nHost: h\r\n"),
            ("request.path.startsWith('/admin')", "GET //admin/x HTTP/1.1\r\nHost: h\r\n"),
            ("request.path == '/admin'", "GET /%61dmin HTTP/1.1\r\nHost: h\r\n"),
            ("request.host == 'blocked.test'", "GET / HTTP/1.1\r\nHost: BLOCKED.test.:80\r\n"),
            (
                "request.headers['X-TEAM'] == 'blocked'",
                "GET / HTTP/1.1\r\nHost: h\r\nx-TeAm:   blocked  \r\n"
            ),
            (
                "request.headers['x-team'] == 'blocked'",
                "GET / HTTP/1.1\r\nHost: h\r\nX-Team: good\r\nX-Team: blocked\r\n"
            ),
            (
                "'x-team' in request.headers && request.headers['x-team'] == 'blocked'",
                "GET / HTTP/1.1\r\nHost: h\r\nX-Team: blocked\r\nX-Team: good\r\n"
            ),
            (
                "request.headers.exists(k, request.headers[k].contains('blocked'))",
                "GET / HTTP/1.1\r\nHost: h\r\nX-A: good\r\nX-A: blocked\r\n"
            ),
            ("request.query.contains('debug')", "GET /?x=1&debug HTTP/1.1\r\nHost: h\r\n"),
            ("request.method != 'GET'", "get / HTTP/1.1\r\nHost: h\r\n"),
            ("source.address == '192.0.2.7'", "GET / HTTP/1.1\r\nHost: h\r\n"),
            (
                "cidr('192.0.2.0/24').containsIP(source.address)",
                "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.0.0.1\r\n"
            ),
            (
                "request.size > 10",
                "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n"
            ),
            (
                "request.size > 10",
                "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
            ),
            ("request.time < timestamp('1970-01-02T00:00:00Z')", "GET / HTTP/1.1\r\nHost: h\r\n"),
            ("request.id == 'mine-1'", "GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: mine-1\r\n"),
        ])
    func spelling(rule: String, head: String) throws {
        for peer in ["192.0.2.7", "::ffff:192.0.2.7"] {
            let drive = try plain(.deny, rule)
            drive.exchange.peer = bytes(peer)
            try drive.begin(head + "\r\n")
            #expect(isDenied(drive), "\(drive.written)")
        }
    }

    @Test(
        "no spelling of the body gets past a rule about the model",
        arguments: [
            #"{"model":"small"}"#, #"{"model":"sm\u0061ll"}"#, #"{"model":"alias"}"#,
            #"{"model":"free","model":"small"}"#, #"{"model":"small","model":"free"}"#,
        ])
    func models(body: String) throws {
        let drive = try modelWithAlias()
        try drive.post(chat, body)
        #expect(drive.steps.last?.dispatch == nil && drive.unsettled == nil)
        #expect(["access-denied", "duplicate-key"].contains(drive.refusal))
    }

    @Test("a compressed, broken or too large body is refused where a rule reads it")
    func unreadable() throws {
        let gzip = try modelWithAlias()
        try gzip.post(chat, "x", fields: "Content-Encoding: gzip\r\n")
        #expect(gzip.refusal == "encoded-body")
        let broken = try modelWithAlias()
        try broken.post(chat, #"{"model":"free""#)
        #expect(broken.refusal == "invalid-json")
        let large = try modelWithAlias()
        try large.begin("POST \(chat) HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999\r\n\r\n")
        #expect(large.refusal == "body-too-large")
    }

    /// `small`, also known as `alias`, and `free`, of which only the latter may be asked.
    private func modelWithAlias() throws -> Drive {
        var access = AccessSample()
        var sample = SnapshotSample.model()
        sample.models.append(
            Model(
                name: bytes("free"), resource: "default/free",
                targets: [ModelTarget(weight: 1, backend: 0, upstreamModel: nil)]))
        sample.names = [("small", 0), ("alias", 0), ("free", 1)]
        sample.rules[0].access = [try access.add(("r", .deny, "ai.model == 'small'"))]
        sample.access = access.table
        let drive = Drive(sample)
        #expect(try drive.post(chat, #"{"model":"free"}"#).dispatch != nil)
        return Drive(sample)
    }

    @Test(
        "rules speak about what a body asks for",
        arguments: [
            "ai.operation == 'chat'", "ai.stream", "ai.max_tokens == 9", "ai.tool_count == 2",
            "ai.tokens_estimated == 9 + 10", "ai.model == 'small'",
        ])
    func bodies(rule: String) throws {
        let drive = try model(.deny, rule)
        let body =
            #"{"model":"small","stream":true,"max_tokens":9,"tools":[{},{}],"#
            + #""messages":[{"role":"user","content":"0123456789"}]}"#
        try drive.post(chat, body)
        #expect(isDenied(drive), "\(drive.written)")
        try drive.post("/v1/embeddings", #"{"model":"small"}"#)
        #expect(drive.refusal == nil || rule.contains("ai.m"), "\(rule)")
    }

    @Test("a policy that only counts refuses nothing and says so once")
    func audit() throws {
        let drive = try plain(.deny, "true", isAudit: true)
        #expect(try drive.get("/").dispatch != nil)
        #expect(drive.record.flags.contains(.accessAudited))
        #expect(drive.record.accessRule == "default/p/r")
        let page = String(
            decoding: PrometheusText.render(
                drive.shard.metrics,
                process: ProcessFacts(
                    version: "0", startedAt: WallTime(nanoseconds: 0)), format: .text),
            as: UTF8.self)
        #expect(
            page.contains(
                #"pinion_access_decisions_total{policy="default/p",rule="r","#
                    + #"decision="audited"} 1"#))
        #expect(
            page.contains(
                #"pinion_access_decisions_total{policy="default/p",rule="r",decision="denied"} 0"#))
    }

    @Test("all policies must let a request pass, and an audit among them holds up none")
    func together() throws {
        var access = AccessSample()
        var sample = SnapshotSample()
        sample.rules[0].access = [
            try access.add(named: "a", ("r", .allow, "request.path.startsWith('/a')")),
            try access.add(named: "b", isAudit: true, ("r", .deny, "true")),
            try access.add(named: "c", ("r", .require, "request.method == 'GET'")),
        ]
        sample.access = access.table
        let drive = Drive(sample)
        #expect(try drive.get("/a").dispatch != nil)
        drive.gone()
        try drive.get("/b")
        #expect(drive.record.accessRule == "default/a/default")
        try drive.post("/a", "")
        #expect(drive.record.accessRule == "default/c/r")
        #expect(!drive.record.flags.contains(.accessAudited))
    }

    @Test("a denied request is charged by no limit")
    func uncharged() throws {
        var access = AccessSample()
        var sample = SnapshotSample.model()
        sample.usageLimits = [
            Limit(policy: "default/l", name: "l", unit: .requests, amount: 1, period: .seconds(9))
        ]
        sample.rules[0].limits = [0]
        sample.models[0].access = [
            try access.add(("r", .deny, "ai.stream")),
            try access.add(
                named: "d",
                ("r", .deny, "destination.backend == 'default/b0' && ai.max_tokens == 7")),
        ]
        sample.access = access.table
        let drive = Drive(sample)
        for _ in 0..<3 {
            try drive.post(chat, #"{"model":"small","stream":true}"#)
            #expect(isDenied(drive))
            try drive.post(chat, #"{"model":"small","max_tokens":7}"#)
            #expect(isDenied(drive) && drive.record.accessRule == "default/d/r")
        }
        #expect(try drive.post(chat, #"{"model":"small","max_tokens":8}"#).dispatch != nil)
    }

    @Test(
        "rules hold for redirects and lists of models, where no backend will come",
        arguments: ["ai.model == 'small'", "destination.provider == 'vllm'"])
    func ownAnswers(rule: String) throws {
        var access = AccessSample()
        var sample = SnapshotSample.model()
        let id = try access.add(("r", .allow, rule))
        sample.rules[0].access = [id]
        sample.rules[1].access = [id]
        sample.rules.append(
            Rule(
                route: "default/r", index: 0,
                action: .redirect(
                    Redirect(scheme: nil, hostname: nil, port: nil, path: nil, status: 302)),
                access: [id]))
        sample.prefixes.append("/old")
        sample.access = access.table
        let drive = Drive(sample)
        for path in ["/v1/models", "/v1/models/small", "/old"] {
            try drive.get(path)
            #expect(isDenied(drive), "\(path)")
        }
        #expect(try drive.post(chat, #"{"model":"small"}"#).dispatch != nil)
    }
}

extension AccessSample {
    /// A policy of rules written as `deny` or `!deny`: those with a mark do not apply.
    mutating func policy(
        allowsByDefault: Bool?, _ rules: [String], condition: String
    ) throws -> AccessID {
        let all = rules.enumerated().map { index, word in
            let isNegated = word.hasPrefix("!")
            let action = AccessRule.Action.allCases.first { word.hasSuffix($0.label) } ?? .deny
            return ("r\(index)", action, isNegated ? "!(\(condition))" : condition)
        }
        return switch all.count {
        case 0: try add(allowsByDefault: allowsByDefault)
        case 1: try add(allowsByDefault: allowsByDefault, all[0])
        default: try add(allowsByDefault: allowsByDefault, all[0], all[1])
        }
    }
}
