// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// What a caller gets of one answer, kept because a mirror's is compared with it.
///
/// An object, so that an exchange whose answer is compared with none carries one word for it.
/// Invariant: it never holds more than `bytesMax` bytes, and none once nobody waits for them.
package final class AnswerWatch {
    /// The copies whose answers are compared with this one.
    private(set) var tickets: [MirrorTicketID] = []
    /// The payload, as far as it is kept.
    private(set) var body: [UInt8] = []
    /// Whether more came than is kept.
    private(set) var isOver = false
    /// When the copies were ordered.
    let ordered: Instant

    private let bytesMax: Int

    /// Nothing yet of the answer to a request whose copies are ordered now.
    init(bytesMax: Int, at now: Instant) {
        self.bytesMax = bytesMax
        ordered = now
    }

    /// One more copy's answer is compared with this one.
    func add(_ ticket: MirrorTicketID) { tickets.append(ticket) }

    /// Nothing will come of `ticket`.
    package func forget(_ ticket: MirrorTicketID) {
        tickets.removeAll { $0 == ticket }
        if tickets.isEmpty { body = [] }
    }

    /// The caller gets `payload`.
    func take(_ payload: RawSpan) {
        guard !tickets.isEmpty else { return }
        let room = max(0, bytesMax - body.count)
        if payload.byteCount > room { isOver = true }
        body.append(payload.extracting(first: room))
    }
}
