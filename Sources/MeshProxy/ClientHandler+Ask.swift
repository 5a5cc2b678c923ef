// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshExchange

extension ClientHandler {
    /// Asks a policy engine for the present exchange; nothing more of it is read until it
    /// answers, but for what fills a buffer.
    func ask(_ order: EngineOrder) {
        engineCall = loop.engines.ask(order, of: exchange.snapshot) { [unowned self] outcome in
            engineCall = nil
            engineAnswered(outcome)
        }
    }

    /// The engine answered, or its time is over.
    func engineAnswered(_ outcome: EngineOutcome) {
        guard exchange.phase == .asking else { return }
        forgetQuestion()
        let now = loop.now
        let bytes = headBytes.window
        let payload = hasBody ? body.window.bytes : nil
        perform(
            exchange.engineAnswered(
                outcome, head, bytes.bytes, body: payload, shard: &loop.shard, at: now), at: now)
        if reading == .collecting {
            resumeReads()
            advance()
        }
        flushIfNeeded()
    }

    /// Nobody waits for an answer any more.
    func forgetQuestion() {
        engineCall?.cancel()
        engineCall = nil
    }
}
