// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshEngines
import MeshExchange
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Requests that policy engines are asked about")
struct EngineTests {
    private let chat = "/v1/chat/completions"

    /// A plain route whose every request is asked about.
    private func plain(
        _ speech: PolicyEngine.Speech = .extAuthzGRPC, when: String = "true",
        isAudit: Bool = false, allowsOnFailure: Bool = false, cachedBy key: [String]? = nil,
        with others: [(String, AccessRule.Action, String)] = []
    ) throws -> Drive {
        var access = AccessSample()
        var sample = SnapshotSample()
        sample.backends = [BackendSample(), BackendSample(name: "default/engine", subnet: 9)]
        let engine = try access.engine(
            speech, backend: 1, allowsOnFailure: allowsOnFailure, cachedBy: key)
        sample.rules[0].access = [
            try access.add(isAudit: isAudit, engine: engine, ("ask", .custom, when))
        ]
        for (number, rule) in others.enumerated() {
            sample.rules[0].access.append(try access.add(named: "q\(number)", rule))
        }
        sample.access = access.table
        let drive = Drive(sample)
        drive.exchange.peer = bytes("192.0.2.7")
        return drive
    }

    /// A model with an engine that is told what the body asks for.
    private func model(_ speech: PolicyEngine.Speech) throws -> Drive {
        var access = AccessSample()
        var sample = SnapshotSample.model()
        let engine = try access.engine(
            speech, facts: [.requestMethod, .aiModel, .aiMaxTokens], headers: .some([]))
        sample.models[0].access = [try access.add(engine: engine, ("ask", .custom, "true"))]
        sample.access = access.table
        return Drive(sample)
    }

    private func check(_ step: Step) throws -> CheckQuestion {
        guard case .check(let question)? = step.asks?.question.form else {
            throw EngineFailure.malformed
        }
        return question
    }

    @Test("nothing goes out and nothing is read before the engine says yes")
    func yes() throws {
        let drive = try plain()
        let step = try drive.begin(
            "POST /a HTTP/1.1\r\nHost: mesh.test\r\nContent-Length: 5\r\n\r\n")
        #expect(step.asks != nil && step.dispatch == nil && !step.collectsBody)
        #expect(drive.phase == .asking && drive.inFlight == 0 && drive.doneCount == 0)
        #expect(drive.deadline == drive.now + .milliseconds(200))
        drive.wait(.milliseconds(3))
        #expect(drive.heard(allows: true).dispatch != nil)
        #expect(drive.phase == .dispatched)
        #expect(drive.record.policyEngines == .milliseconds(3))
        drive.gone()
        #expect(drive.unsettled == nil)
    }

    @Test("a no is told with the engine's reason, status and fields, and charged to nobody")
    func denied() throws {
        let drive = try plain()
        try drive.get("/")
        let no = EngineAnswer(
            allows: false, status: 401, reason: "who are you?",
            answerEdits: [
                .set(name: bytes("www-authenticate"), value: bytes("Bearer")),
                .add(name: bytes("x-a"), value: bytes("1")),
            ])
        drive.heard(.answered(no))
        #expect(drive.written.startLine == "HTTP/1.1 401 Unauthorized")
        #expect(drive.refusal == "access-denied" && drive.record.accessRule == "default/p/ask")
        #expect(drive.written.field("www-authenticate") == "Bearer")
        #expect(drive.written.field("x-a") == "1")
        let body = drive.written.afterHead
        #expect(body.contains("policy engine default/e denies this request: who are you?"))
        #expect(drive.unsettled == nil && drive.keepsAlive && drive.record.attempts == 0)
    }

    @Test(
        "an engine that gives no answer refuses, whatever the reason",
        arguments: EngineFailure.allCases)
    func silent(failure: EngineFailure) throws {
        let drive = try plain()
        try drive.get("/")
        drive.heard(.failed(failure))
        #expect(drive.written.startLine == "HTTP/1.1 503 Service Unavailable")
        #expect(drive.refusal == "policy-engine-unavailable")
        #expect(drive.written.field("retry-after") == "1")
        #expect(drive.unsettled == nil && drive.record.attempts == 0)
    }

    @Test("with the failure mode for it, silence lets pass and is written down")
    func forgiven() throws {
        let drive = try plain(allowsOnFailure: true)
        try drive.get("/")
        #expect(drive.heard(.failed(.timeout)).dispatch != nil)
        #expect(drive.record.flags.contains(.accessUnchecked))
        drive.gone()
        try drive.get("/")
        drive.heard(allows: false)
        #expect(drive.refusal == "access-denied", "a no stays a no")
    }

    @Test("the timer alone decides nothing, and a late answer is nobody's")
    func timer() throws {
        let drive = try plain()
        try drive.get("/")
        drive.now = drive.deadline
        drive.tick()
        #expect(drive.phase == .asking && drive.doneCount == 0)
        drive.heard(.failed(.timeout))
        #expect(drive.refusal == "policy-engine-unavailable")
        #expect(!drive.heard(allows: true).isDone)
        #expect(drive.doneCount == 1)
        try drive.get("/")
        drive.gone()
        #expect(drive.record.status == 499 && drive.unsettled == nil)
        #expect(drive.heard(allows: true).dispatch == nil)
    }

    @Test("rules of the mesh's own are asked first, and spare the engine a question")
    func order() throws {
        let drive = try plain(with: [("r", .deny, "request.path == '/no'")])
        #expect(try drive.get("/no").asks == nil)
        #expect(drive.record.accessRule == "default/q0/r")
        #expect(try drive.get("/yes").asks != nil)
        let some = try plain(when: "request.path == '/asked'")
        #expect(try some.get("/other").dispatch != nil)
        some.gone()
        #expect(try some.get("/asked").asks != nil)
        some.gone()
        // In doubt it is asked.
        let doubtful = try plain(when: "request.headers['x'] == 'y'")
        #expect(try doubtful.get("/").asks != nil)
    }

    @Test("several engines are asked one after another, each once")
    func several() throws {
        var access = AccessSample()
        var sample = SnapshotSample()
        let first = try access.engine(named: "a")
        let second = try access.engine(named: "b")
        sample.rules[0].access = [
            try access.add(named: "p", engine: first, ("1", .custom, "true")),
            try access.add(named: "q", engine: second, ("2", .custom, "true")),
            try access.add(named: "r", engine: first, ("3", .custom, "true")),
        ]
        sample.access = access.table
        let drive = Drive(sample)
        #expect(try drive.get("/").asks?.question.engine.name == "default/a")
        #expect(drive.heard(allows: true).asks?.question.engine.name == "default/b")
        #expect(drive.heard(allows: true).dispatch != nil)
        drive.gone()
        try drive.get("/")
        drive.heard(allows: true)
        drive.heard(allows: false)
        #expect(drive.record.accessRule == "default/q/2" && drive.unsettled == nil)
    }

    @Test("a policy that only counts waits for the answer and refuses nothing")
    func audit() throws {
        let drive = try plain(isAudit: true)
        try drive.get("/")
        let yes = EngineAnswer(
            allows: true, requestEdits: [.set(name: bytes("x-user"), value: bytes("ann"))])
        #expect(drive.heard(.answered(yes)).dispatch != nil)
        #expect(drive.forwarded().head.field("x-user") == nil, "nor does it change anything")
        drive.gone()
        for outcome in [EngineOutcome.answered(EngineAnswer(allows: false)), .failed(.busy)] {
            try drive.get("/")
            #expect(drive.heard(outcome).dispatch != nil)
            #expect(drive.record.flags.contains(.accessAudited))
            drive.gone()
        }
    }

    @Test("what is told over gRPC is the head as the backend will see it")
    func checkQuestion() throws {
        let drive = try plain()
        let step = try drive.begin(
            "POST /a/./b?x=1 HTTP/1.1\r\nHost: Mesh.test:80\r\nX-Team: a\r\nx-team: b\r\n"
                + "Connection: x-hop\r\nX-Hop: 1\r\nX-Forwarded-For: 10.0.0.1\r\n"
                + "X-Forwarded-Client-Cert: By=spiffe://evil\r\nX-Request-Id: mine-1\r\n"
                + "Cookie: a=1\r\nCookie: b=2\r\nContent-Length: 3\r\n\r\n")
        let question = try check(step)
        #expect(question.source.address == "192.0.2.7")
        #expect(question.destination.port == 8080 && question.destination.address == "127.0.0.1")
        #expect(question.method == "POST" && question.path == "/a/b?x=1")
        #expect(question.host == "Mesh.test:80" && question.size == 3 && question.id == "mine-1")
        let fields = question.headers.map { "\($0.name)=\($0.value)" }
        #expect(
            fields == [
                "x-team=a, b", "cookie=a=1; b=2", "content-length=3", "x-request-id=mine-1",
                "x-forwarded-for=10.0.0.1, 192.0.2.7", "x-forwarded-proto=http",
            ])
    }

    @Test(
        "facts about the body are told once the body was read, and the request goes on from there")
    func body() throws {
        let grpc = try model(.extAuthzGRPC)
        let step = try grpc.post(chat, #"{"model":"small","max_tokens":7}"#)
        #expect(
            try check(step).context.map { "\($0.name)=\($0.value)" }
                == ["request.method=POST", "ai.model=small", "ai.max_tokens=7"])
        #expect(try check(step).headers.isEmpty)
        #expect(grpc.heard(allows: true).dispatch != nil)
        #expect(grpc.forwarded().body.contains("real-model"))
        grpc.gone()
        #expect(grpc.unsettled == nil)

        let opa = try model(.opa(path: bytes("/v1/data/m/allow")))
        let asked = try opa.post(chat, #"{"model":"small"}"#)
        guard case .http(let question)? = asked.asks?.question.form else {
            Issue.record("no question")
            return
        }
        #expect(
            String(decoding: question.body ?? [], as: UTF8.self)
                == #"{"input":{"request":{"method":"POST","headers":{}},"ai":{"model":"small"}}}"#)
    }

    @Test("limits are asked behind the engine, and a no is charged by none")
    func limits() throws {
        var access = AccessSample()
        var sample = SnapshotSample.model()
        sample.usageLimits = [
            Limit(policy: "default/l", name: "l", unit: .requests, amount: 1, period: .seconds(9))
        ]
        sample.rules[0].limits = [0]
        let engine = try access.engine(facts: [.aiStream])
        sample.models[0].access = [try access.add(engine: engine, ("ask", .custom, "true"))]
        sample.access = access.table
        let drive = Drive(sample)
        for _ in 0..<3 {
            try drive.post(chat, #"{"model":"small"}"#)
            drive.heard(allows: false)
            #expect(drive.unsettled == nil)
        }
        try drive.post(chat, #"{"model":"small"}"#)
        #expect(drive.heard(allows: true).dispatch != nil)
    }

    @Test("what an engine sets and removes is seen by the backend, and by the caller")
    func edits() throws {
        let drive = try plain()
        try drive.get("/", fields: "X-User: forged\r\nAuthorization: Bearer t\r\n")
        let yes = EngineAnswer(
            allows: true,
            requestEdits: [
                .set(name: bytes("x-user"), value: bytes("ann")),
                .remove(name: bytes("authorization")),
            ], answerEdits: [.add(name: bytes("x-policy"), value: bytes("v1"))])
        drive.heard(.answered(yes))
        let sent = drive.forwarded().head
        #expect(sent.field("x-user") == "ann" && sent.field("authorization") == nil)
        drive.sent()
        try drive.answered(200)
        #expect(drive.written.field("x-policy") == "v1")
        drive.gone()
        // The next request of the connection knows nothing of it.
        try drive.get("/", fields: "X-User: bob\r\n")
        drive.heard(allows: true)
        #expect(drive.forwarded().head.field("x-user") == "bob")
    }

    @Test("a credential that an engine adds is not shown to a fallback")
    func strangers() throws {
        var access = AccessSample()
        var sample = SnapshotSample.model(fallbacks: 1)
        let engine = try access.engine()
        sample.models[0].access = [try access.add(engine: engine, ("ask", .custom, "true"))]
        sample.access = access.table
        let drive = Drive(sample)
        try drive.post(chat, #"{"model":"small"}"#)
        let yes = EngineAnswer(
            allows: true,
            requestEdits: [
                .set(name: bytes("authorization"), value: bytes("Bearer inner")),
                .set(name: bytes("x-user"), value: bytes("ann")),
            ])
        drive.heard(.answered(yes))
        #expect(drive.forwarded().head.field("authorization") == "Bearer inner")
        drive.failed(.connect)
        let fallback = drive.forwarded().head
        #expect(fallback.field("authorization") == nil && fallback.field("x-user") == "ann")
    }

    @Test("an answer is kept for those for whom the chosen facts are the same")
    func cache() throws {
        let drive = try plain(cachedBy: ["request.headers['x-user']", "request.path"])
        func asks(_ path: String, _ fields: String) throws -> Bool {
            let asks = try drive.get(path, fields: fields).asks != nil
            drive.heard(allows: true)
            drive.gone()
            return asks
        }
        #expect(try asks("/a", "X-User: ann\r\n"))
        #expect(try !asks("/a", "X-User: ann\r\n"))
        #expect(try asks("/a", "X-User: bob\r\n"))
        #expect(try asks("/b", "X-User: ann\r\n"))
        #expect(try asks("/a", ""), "what has no value is always asked about")
        #expect(try asks("/a", ""))
        #expect(try asks("/a", "X-User: ann\r\nX-User: bob\r\n"))
        drive.wait(.seconds(10))
        #expect(try asks("/a", "X-User: ann\r\n"), "it is good for ten seconds")
        // A no is kept as well, a failure is not.
        try drive.get("/no", fields: "X-User: ann\r\n")
        drive.heard(allows: false, reason: "never")
        #expect(try drive.get("/no", fields: "X-User: ann\r\n").isDone)
        #expect(drive.written.afterHead.contains("never"))
        try drive.get("/late", fields: "X-User: ann\r\n")
        drive.heard(.failed(.timeout))
        #expect(try drive.get("/late", fields: "X-User: ann\r\n").asks != nil)
    }

    @Test("no two lists of values share an answer")
    func cacheKeys() throws {
        let drive = try plain(
            cachedBy: ["request.headers['a']", "request.headers['b']"])
        try drive.get("/", fields: "A: x\r\nB: yz\r\n")
        drive.heard(allows: true)
        drive.gone()
        for fields in ["A: xy\r\nB: z\r\n", "A: x:string:2:yz\r\nB: \r\n", "A: x\r\nB: y\r\n"] {
            #expect(try drive.get("/", fields: fields).asks != nil, "\(fields)")
            drive.gone()
        }
    }

    @Test("redirects and lists of models wait for the engine too")
    func ownAnswers() throws {
        var access = AccessSample()
        var sample = SnapshotSample.model()
        let engine = try access.engine(facts: [.aiModel])
        let id = try access.add(engine: engine, ("ask", .custom, "true"))
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
        for (path, status) in [("/v1/models", 200), ("/v1/models/small", 200), ("/old", 302)] {
            #expect(try drive.get(path).asks != nil, "\(path)")
            drive.heard(allows: true)
            #expect(Int(drive.record.status) == status && drive.unsettled == nil)
            try drive.get(path)
            drive.heard(allows: false)
            #expect(drive.refusal == "access-denied" && drive.unsettled == nil)
        }
    }

    @Test("a credential that cannot be read is not left out")
    func credential() throws {
        var access = AccessSample()
        var sample = SnapshotSample()
        sample.backends.append(
            BackendSample(name: "default/engine", subnet: 9) {
                $0.credential = Credential(
                    header: bytes("authorization"), prefix: bytes("Bearer "),
                    source: .environment("ENGINE_TOKEN"))
            })
        let engine = try access.engine(.opa(path: bytes("/v1/data/x")), backend: 1)
        sample.rules[0].access = [try access.add(engine: engine, ("ask", .custom, "true"))]
        sample.access = access.table
        let without = Drive(sample)
        try without.get("/")
        #expect(without.refusal == "policy-engine-unavailable" && without.unsettled == nil)
        let drive = Drive(sample, credentials: [nil, Secret(bytes("engine-secret"))])
        guard case .http(let question)? = try drive.get("/").asks?.question.form else {
            Issue.record("no question")
            return
        }
        #expect(!"\(question)".contains("engine-secret"))
        let sent = String(decoding: question.bytes(authority: bytes("e:1")), as: UTF8.self)
        #expect(sent.contains("\r\nauthorization: Bearer engine-secret\r\n"))
    }

    @Test("the metrics tell what engines said and how long that took")
    func metrics() throws {
        let drive = try plain(allowsOnFailure: true, cachedBy: ["request.path"])
        for outcome in [
            EngineOutcome.answered(EngineAnswer(allows: true)),
            .answered(EngineAnswer(allows: false)), .failed(.timeout),
        ] {
            try drive.get("/\(drive.now.nanoseconds)")
            drive.wait(.milliseconds(4))
            drive.heard(outcome)
            if drive.doneCount == 0 { drive.gone() }
        }
        let page = String(
            decoding: PrometheusText.render(
                drive.shard.metrics,
                process: ProcessFacts(version: "0", startedAt: WallTime(nanoseconds: 0)),
                format: .text), as: UTF8.self)
        for result in ["allowed", "denied", "timeout"] {
            #expect(
                page.contains(
                    #"pinion_policy_engine_answers_total{engine="default/e",result="\#(result)"} 1"#
                ),
                "\(result)")
        }
        #expect(
            page.contains(
                #"pinion_policy_engine_duration_seconds_bucket{engine="default/e",le="0.005"} 3"#))
    }

    @Test("a new snapshot keeps the answers of an engine that is asked the same")
    func reload() throws {
        var access = AccessSample()
        var sample = SnapshotSample()
        let engine = try access.engine(cachedBy: ["request.path"])
        sample.rules[0].access = [try access.add(engine: engine, ("ask", .custom, "true"))]
        sample.access = access.table
        let drive = Drive(sample)
        try drive.get("/")
        drive.heard(allows: true)
        drive.gone()
        sample.version = 2
        drive.adopt(sample)
        #expect(try drive.get("/").dispatch != nil)
        drive.gone()
        var other = AccessSample()
        let changed = try other.engine(facts: [.requestHost], cachedBy: ["request.path"])
        sample.rules[0].access = [try other.add(engine: changed, ("ask", .custom, "true"))]
        sample.access = other.table
        sample.version = 3
        drive.adopt(sample)
        #expect(try drive.get("/").asks != nil)
    }
}
