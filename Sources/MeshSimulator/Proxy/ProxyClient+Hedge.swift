// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting

/// The connection of an attempt that is not looked at, while another one runs beside it.
struct Rival {
    /// Its connection, once there is one.
    var upstream: ProxyUpstream?
    /// The endpoint that it leads to.
    var pick: Pick?
    /// What `ProxyClient.attempt` is when it is looked at.
    var attempt: UInt32
    /// How its answer is framed for the caller, and whether it comes in chunks.
    var framing = AnswerFraming.none
    var isChunked = false
}

/// Two attempts for one exchange. The handler's own fields are those of the attempt that the
/// exchange looks at; whatever happens to the other one changes places first.
extension ProxyClient {
    /// Sends the request to `pick` too.
    func hedge(_ pick: Pick, at now: Instant) {
        lastAttempt &+= 1
        rival = Rival(upstream: nil, pick: pick, attempt: lastAttempt)
        switchLanes()
        connect(pick, fresh: false, at: now)
        // It may have failed at once, and the first be alone again.
        if rival != nil { switchLanes() }
    }

    /// What is looked at from now on is another attempt than before, or none.
    func countAttempt() {
        lastAttempt &+= 1
        attempt = lastAttempt
    }

    /// Makes sure that the attempt of `upstream` is looked at; false when it is none of the two.
    func looksAt(_ upstream: ProxyUpstream) -> Bool {
        if self.upstream === upstream { return true }
        guard let rival, rival.upstream === upstream else { return false }
        switchLanes()
        return true
    }

    /// Makes sure that the attempt with this number is looked at; false when it is over.
    func looksAt(attempt token: UInt32) -> Bool {
        if attempt == token { return true }
        guard let rival, rival.attempt == token else { return false }
        switchLanes()
        return true
    }

    /// The other attempt is looked at from now on.
    func switchLanes() {
        guard let other = rival else { return }
        exchange.switchLanes()
        rival = Rival(
            upstream: upstream, pick: askedPick, attempt: attempt, framing: answerFraming,
            isChunked: answerUpstreamIsChunked)
        look(at: other)
    }

    /// The present attempt was given up, and the exchange looks at the other one already.
    func takeRival() {
        guard let other = rival else { return }
        rival = nil
        look(at: other)
    }

    private func look(at other: Rival) {
        upstream = other.upstream
        askedPick = other.pick
        attempt = other.attempt
        answerFraming = other.framing
        answerUpstreamIsChunked = other.isChunked
    }

    /// Closes the connection of the other attempt, so that its server stops.
    func leaveRival(at now: Instant) {
        guard let other = rival else { return }
        rival = nil
        guard let upstream = other.upstream else { return }
        upstream.detach(at: now)
        upstream.close(at: now)
    }
}
