// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Who is asked after an answer that is no success")
struct ErrorClassTests {
    private let path = "/v1/chat/completions"
    private let small = #"{"model":"small"}"#
    private let json = "content-type: application/json\r\n"

    private func drive(fallbacks: Int = 1, endpoints: Int = 1, attempts: Int = 2) -> Drive {
        Drive(
            SnapshotSample.model(
                fallbacks: fallbacks, endpoints: endpoints, retry: RetryPolicy(attempts: attempts)))
    }

    @Test("one that did not look at the request is asked again at once, and once only")
    func same() throws {
        for status in [408, 421, 425] {
            let drive = drive()
            let first = try #require(try drive.post(path, small).dispatch)
            drive.sent()
            let step = try drive.answered(status)
            #expect(step.dispatch == first && step.needsFreshConnection, "\(status)")
            #expect(step.delay == .zero && step.abandonsUpstream)
            drive.sent()
            #expect(try drive.answered(status).dispatch?.endpoint == 1, "\(status)")
            drive.sent()
            try drive.answered(200)
            drive.ended()
            #expect(drive.record.attempts == 3 && drive.unsettled == nil)
        }
    }

    @Test("a server that failed is no reason not to ask its neighbour")
    func neighbour() throws {
        for status in [500, 502, 409, 424, 529] {
            let drive = drive(fallbacks: 0, endpoints: 2)
            let first = try #require(try drive.post(path, small).dispatch)
            drive.sent()
            let second = try #require(try drive.answered(status).dispatch, "\(status)")
            #expect(second.endpoint != first.endpoint)
            drive.sent()
            try drive.answered(200)
            drive.ended()
            #expect(drive.record.status == 200 && drive.unsettled == nil)
        }
    }

    @Test("what only another model can do is not asked of the neighbour")
    func target() throws {
        for status in [404, 410, 451, 501, 505] {
            let drive = drive(endpoints: 2)
            try drive.post(path, small)
            drive.sent()
            let endpoint = try #require(try drive.answered(status).dispatch?.endpoint)
            #expect(endpoint >= 2, "\(status)")
            drive.gone()
        }
    }

    @Test("the caller's own key is the caller's own fault")
    func callersKey() throws {
        for status in [401, 402, 403] {
            let drive = drive()
            try drive.post(path, small)
            drive.sent()
            #expect(try drive.answered(status).dispatch == nil, "\(status)")
            drive.ended()
            #expect(drive.record.status == UInt16(status) && drive.unsettled == nil)
        }
    }

    @Test(
        "bodies of every vendor decide where the status does not",
        arguments: [
            (400, #"[{"error":{"code":400,"message":"API key not valid."}}]"#, true),
            (400, #"{"__type":"ThrottlingException","message":"Too many requests"}"#, true),
            (400, #"{"message":"The provided model identifier is invalid."}"#, true),
            (400, #"{"message":"temperature is out of range"}"#, false),
            (400, #"{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"bad"}}"#, false),
            (404, #"{"type":"error","error":{"type":"not_found_error"}}"#, true),
        ])
    func vendors(status: Int, body: String, isAskedElsewhere: Bool) throws {
        let drive = drive(attempts: 1)
        try drive.post(path, small)
        drive.sent()
        try drive.answered(status, json + "content-length: \(body.utf8.count)\r\n")
        if drive.phase == .holding { drive.came(body, isLast: true) }
        let step = drive.ended()
        #expect((step.dispatch?.endpoint == 1) == isAskedElsewhere, "\(body)")
        if !isAskedElsewhere { #expect(drive.written.contains(body)) }
        if drive.phase != .done { drive.gone() }
    }

    @Test(
        "a caller of another API is refused in its own words",
        arguments: [
            ("/v1/messages", #"{"type":"error","error":{"type":"api_error""#),
            ("/v1beta/models/m:generateContent", #"{"error":{"code":502,"#),
            ("/v2/chat", #"{"id":"#),
            ("/model/m/converse", #"{"__type":"ServiceUnavailableException""#),
            ("/anything", #"{"type":"about:blank""#),
        ])
    func tongues(path: String, beginning: String) throws {
        let drive = Drive(SnapshotSample())
        try drive.post(path, "{}")
        drive.sent()
        drive.failed(.reset(wasReused: false))
        #expect(drive.written.afterHead.hasPrefix(beginning), "\(drive.written)")
        #expect(drive.written.contains("upstream-reset"))
        let type = path == "/anything" ? "application/problem+json" : "application/json"
        #expect(drive.written.field("content-type") == type)
        let kind = path.hasSuffix("converse") ? "ServiceUnavailableException" : nil
        #expect(drive.written.field("x-amzn-errortype") == kind)
        #expect(drive.unsettled == nil)
    }
}
