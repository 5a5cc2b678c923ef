// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
package import MeshSnapshot
import MeshTelemetry
import MeshWire

/// Requests that another proxy has received and only asks about: judged by the policies of their
/// Gateway and route as any other, and then answered instead of sent.
///
/// ```
///  head ──> route, rules on the head ──> body, when a rule reads it ──> rules, engines ──> 200
///                                    └──────────────── a refusal, with its status ───────────┘
/// ```
///
/// The other proxy decides where a request goes, so nothing that is said about Models and Backends
/// is asked, and no limit. A rule about what cannot be known here is an error of the configuration;
/// a body that a rule reads and that was not sent along is a refusal.
extension Exchange {
    /// Whether another proxy asks about the request.
    var isAsked: Bool {
        snapshot.hasAskedPorts && listener >= 0 && snapshot.ports[Int(port)].speech.isAsked
    }

    /// What engines want changed, for the proxy that asked.
    package var adoptedEdits: (request: [HeaderEdit], answer: [HeaderEdit]) {
        (accessNotes?.requestEdits ?? [], accessNotes?.answerEdits ?? [])
    }

    /// Goes on with a request that nothing that is known of its head forbids.
    mutating func check(
        _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) -> Step {
        let policies = snapshot.access.policies
        let readsBody = snapshot.rules[Int(rule)].access.contains { policies[Int($0)].readsBody }
        guard readsBody else { return judge(head, bytes, body: nil, shard: &shard, at: now) }
        operation = operationOfPath(head, bytes)
        if let refused = refuseUnreadable(head, bytes, shard: &shard, at: now) { return refused }
        guard head.framing != .none else {
            // Without a body there is nothing that a rule could have against it.
            return judge(head, bytes, body: nil, shard: &shard, at: now)
        }
        phase = .collecting
        waitForBody(at: now)
        var step = Step()
        step.collectsBody = true
        return step
    }

    /// A body that cannot be read is none that a rule has nothing against.
    private mutating func refuseUnreadable(
        _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) -> Step? {
        for field in head.fields {
            if field.name == .contentEncoding, !isIdentity(field, bytes) {
                return refuse(Refusal(.encodedBody), shard: &shard, at: now)
            }
            let name = bytes.extracting(field.nameRange.range)
            if name.equalsIgnoringCase("x-envoy-auth-partial-body"),
                bytes.extracting(field.valueRange.range).equals("true")
            {
                return refuse(Refusal(.bodyNotSent), shard: &shard, at: now)
            }
        }
        let hasBody = method == .post || method == .put || method == .patch
        guard head.framing == .none, hasBody else { return nil }
        return refuse(Refusal(.bodyNotSent), shard: &shard, at: now)
    }

    /// Asks what is left to be asked, and says yes.
    mutating func judge(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, shard: inout Shard,
        at now: Instant
    ) -> Step {
        labelBody(head, bytes, body: body, shard: &shard)
        return authorizeBody(
            head, bytes, body: body, isLast: true, then: .judged, shard: &shard, at: now)
            ?? sayYes(shard: &shard, at: now)
    }

    /// Answers that the request may pass. What engines want changed on its way is told in fields
    /// that Envoy reads.
    mutating func sayYes(shard: inout Shard, at now: Instant) -> Step {
        tape?.say(.authorize, "the proxy that asked may let it pass")
        var fields: [UInt8] = []
        var removed: [[UInt8]] = []
        for edit in adoptedEdits.request {
            switch edit {
            case .set(let name, let value), .add(let name, let value):
                fields.append(contentsOf: name)
                fields.append(": ")
                fields.append(contentsOf: value)
                fields.append("\r\n")
            case .remove(let name): removed.append(name)
            }
        }
        if !removed.isEmpty {
            fields.append("x-envoy-auth-headers-to-remove: ")
            fields.append(contentsOf: removed.joined(separator: [UInt8(ascii: ",")]))
            fields.append("\r\n")
        }
        return answer(200, type: nil, fields: fields, body: [], shard: &shard, at: now)
    }

    /// The status that the proxy which asks is told: nginx knows two that mean no, and takes every
    /// other for a failure.
    func askedStatus(_ status: Int) -> Int {
        guard isAsked, snapshot.ports[Int(port)].speech == .authRequest else { return status }
        return status == 401 ? 401 : 403
    }
}
