// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshDialects
import MeshRouting
import MeshSnapshot
import MeshTelemetry
package import MeshWire

extension Exchange {
    /// Finds the rule of the request and what must be known before it can be routed.
    mutating func classify(
        _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) -> Step {
        let rawPath = bytes.extracting(head.pathRange.range)
        if rawPath.byteCount == 0 {
            canonicalPath = [UInt8(ascii: "/")]
        } else if !CanonicalPath.isCanonical(rawPath), !isAsterisk(rawPath) {
            guard let path = CanonicalPath.canonical(rawPath) else {
                return refuse(Refusal(.ambiguousPath), shard: &shard, at: now)
            }
            canonicalPath = path
            tape?.say(
                .classify, "the path is read as \(String(decoding: path, as: UTF8.self))")
        }
        tongue = spoken(head, bytes)
        rule = matchRule(head, bytes)
        guard rule >= 0 else {
            return refuse(Refusal(.noRoute), shard: &shard, at: now)
        }
        // Fields are read where they stand: a copy of a rule costs a reference count for each of
        // its parts.
        let rules = snapshot.rules
        let number = Int(rule)
        tape?.say(
            .route,
            "rule \(rules[number].index) of route \(rules[number].route) takes the request")
        timeouts = rules[number].timeouts
        retry = rules[number].retry
        if let limit = timeouts.request { requestDeadline = now + limit }
        if grpc != nil { boundByCaller() }

        if rules[number].needsFacts { operation = operationOfPath(head, bytes) }
        if let step = identifyCaller(head, bytes, isLast: false, shard: &shard, at: now) {
            return step
        }
        return examine(head, bytes, shard: &shard, at: now)
    }

    /// The API that the path is one of, where it is not OpenAI's.
    private func spoken(_ head: borrowing RequestHead, _ bytes: RawSpan) -> Tongue {
        guard let canonicalPath else {
            return Tongue(path: bytes.extracting(head.pathRange.range)) ?? .plain
        }
        return Tongue(path: unsafe canonicalPath.span.bytes) ?? .plain
    }

    /// Labels a request whose caller is known, and asks the rules about its head: in this order,
    /// because an engine that is asked must be a place for it.
    mutating func examine(
        _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) -> Step {
        labelHead(head, bytes, shard: &shard, at: now)
            ?? authorizeHead(head, bytes, shard: &shard, at: now)
            ?? proceed(head, bytes, shard: &shard, at: now)
    }

    /// Goes on with a request that no rule forbids for its head: answers what needs no backend,
    /// and has the body collected where something reads it.
    mutating func proceed(
        _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) -> Step {
        if isAsked { return check(head, bytes, shard: &shard, at: now) }
        let rules = snapshot.rules
        let number = Int(rule)
        let needsFacts = rules[number].needsFacts
        switch rules[number].action {
        case .refuse(let status):
            return refuse(Refusal(.noBackend, status: status), shard: &shard, at: now)
        case .redirect:
            labelBody(head, bytes, body: nil, shard: &shard)
            return authorizeBody(
                head, bytes, body: nil, isLast: true, then: .redirected, shard: &shard, at: now)
                ?? answerRedirect(head, bytes, shard: &shard, at: now)
        case .listModels:
            return answerModels(head, bytes, shard: &shard, at: now)
        case .forward, .modelByBody:
            break
        }
        if needsFacts {
            for field in head.fields
            where field.name == .contentEncoding && !isIdentity(field, bytes) {
                return refuse(Refusal(.encodedBody), shard: &shard, at: now)
            }
        }
        if needsFacts || (!rules[number].mirrors.isEmpty && isMirrorable(head)) {
            if case .length(let length) = head.framing,
                length > UInt64(snapshot.limits.bufferedBodyBytesMax)
            {
                return refuse(Refusal(.bodyTooLarge), shard: &shard, at: now)
            }
            phase = .collecting
            waitForBody(at: now)
            var step = Step()
            step.collectsBody = true
            return step
        }
        return route(head, bytes, body: nil, shard: &shard, at: now)
    }

    /// The body that `Step.collectsBody` asked for is whole.
    ///
    /// **Shape** `body` is the payload without transfer coding.
    package mutating func bodyCollected(
        _ body: RawSpan, _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard,
        at now: Instant
    ) -> Step {
        guard phase == .collecting else { return Step() }
        note(.body, shard, at: now)
        tape?.amend { $0.body = RecordedBody(length: body.byteCount) }
        return noted(takeBody(body, head, bytes, shard: &shard, at: now), &shard)
    }

    private mutating func takeBody(
        _ body: RawSpan, _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard,
        at now: Instant
    ) -> Step {
        isRequestComplete = true
        record.bytesIn += UInt64(body.byteCount)
        if snapshot.rules[Int(rule)].needsFacts || isAsked, mayHaveFacts(body) {
            do {
                let found = try RequestScanner.scan(body)
                facts = found
                if let tape {
                    let read = RecordedBody(found, body)
                    tape.keep(read)
                    tape.say(.classify, read.text(operation))
                }
            } catch {
                let refusal = Refusal(error)
                tape?.amend { $0.body?.fault = RecordedRefusal(refusal) }
                return refuse(refusal, shard: &shard, at: now)
            }
        }
        if isAsked { return judge(head, bytes, body: body, shard: &shard, at: now) }
        return route(head, bytes, body: body, shard: &shard, at: now)
    }

    /// The body cannot be collected or passed on: it is too large, malformed or too slow.
    package mutating func bodyFailed(
        _ refusal: Refusal, shard: inout Shard, at now: Instant
    ) -> Step {
        guard phase != .idle, phase != .done else { return Step() }
        note(.bodyFailed, shard, at: now)
        tape?.amend { $0.refusal = RecordedRefusal(refusal) }
        endAttempt(.cancelled, .cancelled, shard: &shard, at: now)
        return noted(refuse(refusal, shard: &shard, at: now), &shard)
    }

    /// In a replay: the body was whole and could not be read, for the reason of `refusal`.
    mutating func bodyRejected(
        _ refusal: Refusal, body: RecordedBody, shard: inout Shard, at now: Instant
    ) -> Step {
        note(.body, shard, at: now)
        tape?.amend { $0.body = body }
        isRequestComplete = true
        record.bytesIn += UInt64(body.length)
        return noted(refuse(refusal, shard: &shard, at: now), &shard)
    }

    /// More of the body came: the wait for it begins anew.
    package mutating func bodyProgressed(at now: Instant) {
        noteProgress(.bodyProgressed, at: now)
        if phase == .collecting { waitForBody(at: now) }
        notedProgress()
    }

    /// A body is kept for copies only when it is small; a larger one is passed on and not copied.
    private func isMirrorable(_ head: borrowing RequestHead) -> Bool {
        switch head.framing {
        case .none: true
        case .length(let count): count <= Self.mirroredBodyMax
        case .chunked, .untilClose: false
        }
    }

    /// Bytes of a body that is copied to mirrors.
    private static var mirroredBodyMax: UInt64 { 1024 * 1024 }

    /// The whole request was read; `bytes` of its body were not reported before.
    package mutating func requestCompleted(bytes: Int, at now: Instant) {
        noteProgress(.requestCompleted, bytes: bytes, at: now)
        isRequestComplete = true
        isPaused = false
        record.bytesIn &+= UInt64(bytes)
        if phase == .sent { waitForHead(at: now) }
        notedProgress()
    }

    /// `bytes` of a streamed body go out and cannot be sent again.
    package mutating func requestProgressed(bytes: Int, at now: Instant) {
        noteProgress(.requestProgressed, bytes: bytes, at: now)
        canReplay = false
        record.bytesIn &+= UInt64(bytes)
        if phase == .sent { waitForBody(at: now) }
        notedProgress()
    }

    mutating func waitForBody(at now: Instant) {
        waitDeadline = now + snapshot.limits.bodyIdleTimeout
        updateDeadline()
    }

    /// A rule that forwards to a model also takes requests without a body (GET of a stored
    /// response, say): those have no facts, and no model is needed to pass them on.
    private func mayHaveFacts(_ body: RawSpan) -> Bool { body.byteCount > 0 || method == .post }

    private mutating func matchRule(_ head: borrowing RequestHead, _ bytes: RawSpan) -> RuleID {
        let listeners = snapshot.ports[Int(port)].listeners
        let number = Int(listener)
        let host = bytes.extracting(head.hostNameRange.range)
        let query = bytes.extracting(head.queryRange.range)
        let method = bytes.extracting(head.methodRange.range)
        if let canonicalPath {
            return listeners[number].routes.rule(
                host: host, path: unsafe canonicalPath.span.bytes, query: query, method: method,
                head: head, bytes: bytes) ?? -1
        }
        return listeners[number].routes.rule(
            host: host, path: bytes.extracting(head.pathRange.range), query: query,
            method: method, head: head, bytes: bytes) ?? -1
    }

    /// What the path asks for.
    func operationOfPath(
        _ head: borrowing RequestHead, _ bytes: RawSpan
    ) -> Operation {
        if let canonicalPath { return .openAI(path: unsafe canonicalPath.span.bytes) }
        return .openAI(path: bytes.extracting(head.pathRange.range))
    }

    func isIdentity(_ field: FieldSlot, _ bytes: RawSpan) -> Bool {
        field.valueRange.isEmpty
            || bytes.extracting(field.valueRange.range).equalsIgnoringCase("identity")
    }

    private func isAsterisk(_ path: RawSpan) -> Bool { path.equals("*") }
}
