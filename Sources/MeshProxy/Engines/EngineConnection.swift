// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshRouting
import MeshSnapshot
import MeshWire

/// One connection to a policy engine that speaks HTTP/1.1: one question at a time.
final class EngineConnection: Connection {
    let slot: EndpointSlot
    /// How it is encrypted; nil for cleartext.
    let tls: UpstreamTLS?
    /// Whether it has brought an answer before.
    private(set) var hasServed = false
    /// When it must be closed, while idle.
    var idleUntil = Instant.distantFuture

    private unowned(unsafe) let calls: EngineCalls
    private var head = ResponseHead()
    private var reader = BodyReader(.none, limits: HeadLimits(), ofResponse: true)
    private var headBytes: [UInt8] = []
    private var body: [UInt8] = []
    private var speech = PolicyEngine.Speech.extAuthzGRPC
    private var upstream: [[UInt8]] = []
    private var done: ((EngineOutcome?) -> Void)?

    init(calls: EngineCalls, slot: EndpointSlot, tls: UpstreamTLS?) {
        self.calls = calls
        self.slot = slot
        self.tls = tls
        super.init(sockets: calls.loop.sockets)
    }

    /// Sends `bytes` and waits; `done` is called once with what was answered, nil when the
    /// connection ended without a byte of an answer. Afterwards it is idle or closed.
    func ask(
        _ bytes: [UInt8], speech: PolicyEngine.Speech, upstream: [[UInt8]],
        done: @escaping (EngineOutcome?) -> Void
    ) {
        self.speech = speech
        self.upstream = upstream
        self.done = done
        head.reset()
        headBytes = []
        body = []
        write(bytes)
        flush()
    }

    override func received() {
        guard done != nil else {
            // Bytes that answer nothing: whoever sent them is not to be trusted with a question.
            close()
            return
        }
        do {
            if headBytes.isEmpty, try !readHead() { return }
            try readBody()
        } catch {
            fail(.malformed)
        }
    }

    /// Whether the head of a final answer is read.
    private func readHead() throws -> Bool {
        let limits = HeadLimits(headBytesMax: 32 * 1024, fieldCountMax: 128)
        while true {
            let window = input.window
            guard try head.parse(window.bytes, requestMethod: .get, limits: limits) else {
                if input.count > limits.headBytesMax { throw EngineFailure.malformed }
                return false
            }
            guard head.isInformational else { break }
            input.drop(head.length)
            head.reset()
            if input.isEmpty { return false }
        }
        if head.status == 101 { throw EngineFailure.malformed }
        if let bytes = input.take(head.length) { headBytes = Array(bytes) }
        reader = BodyReader(head.framing, limits: limits, ofResponse: true)
        return true
    }

    private func readBody() throws {
        var offset = 0
        var isWhole = false
        let window = input.window
        let span = window.bytes
        reading: while true {
            switch try reader.next(span, at: &offset) {
            case .payload(let range):
                guard body.count + range.count <= Limits.answerBytes else {
                    throw EngineFailure.malformed
                }
                body.append(contentsOf: window[range.range])
            case .end:
                isWhole = true
                break reading
            case .needMore: break reading
            }
        }
        input.drop(offset)
        if isWhole { finish() }
    }

    private func finish() {
        guard let done else { return }
        self.done = nil
        hasServed = true
        let outcome = Self.outcome(head, headBytes, body, speech: speech, upstream: upstream)
        if head.keepAlive, input.isEmpty, isOpen { calls.keep(self) } else { close() }
        done(outcome)
    }

    /// What an answer of HTTP says.
    private static func outcome(
        _ head: ResponseHead, _ headBytes: [UInt8], _ body: [UInt8], speech: PolicyEngine.Speech,
        upstream: [[UInt8]]
    ) -> EngineOutcome {
        switch speech {
        case .opa: OPA.outcome(status: head.status, body: body.span.bytes)
        case .classifier: ClassifierSpeech.outcome(status: head.status, body: body.span.bytes)
        case .extAuthzHTTP:
            ExtAuthzHTTP.outcome(
                head, headBytes.span.bytes, body: body.span.bytes, upstream: upstream)
        case .extAuthzGRPC: .failed(.malformed)
        }
    }

    private func fail(_ failure: EngineFailure) {
        let done = done
        self.done = nil
        close()
        done?(.failed(failure))
    }

    override func ended() {
        guard let done else {
            calls.remove(self)
            return
        }
        self.done = nil
        if !headBytes.isEmpty, reader.peerClosed() {
            done(Self.outcome(head, headBytes, body, speech: speech, upstream: upstream))
        } else {
            done(headBytes.isEmpty && input.isEmpty ? nil : .failed(.malformed))
        }
    }
}
