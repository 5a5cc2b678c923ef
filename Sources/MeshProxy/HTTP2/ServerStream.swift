// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import NIOHPACK
import NIOHTTP2

/// A stream that a caller opened: a request is received, an answer sent.
final class ServerStream: HTTP2Stream {
    private var head = ResponseHead()

    override func sendHead(
        _ bytes: RawSpan
    ) throws(Violation) -> (length: Int, framing: BodyFraming, isInterim: Bool)? {
        head.reset()
        guard try head.parse(bytes, requestMethod: method, limits: Self.limits) else { return nil }
        let fields = try HTTP2Heads.answer(head, bytes)
        let isInterim = head.status < 200
        let isLast = !isInterim && (head.framing == .none || head.framing == .length(0))
        send(fields, isLast: isLast)
        return (head.length, head.framing, isInterim)
    }

    private static let limits = HeadLimits(headBytesMax: 65_535, fieldCountMax: 512)

    override var isAnswered: Bool { sending == .ended }

    override func shutOutput() { endIfUntilClose() }

    /// An answer that ends with its connection ends now.
    private func endIfUntilClose() {
        if sending == .body, head.framing == .untilClose { finish(trailers: []) }
    }

    override func sayGoodbye() {
        guard number > 0 else { return }
        if !isClosed, connection?.endsByReset != true { endIfUntilClose() }
        if sending == .ended { flush() }
        guard !isClosed else { return }
        if sending != .ended || !isFlushed {
            // Not the whole answer: nobody may take it for that.
            session.reset(number, sending == .head ? .cancel : .internalError)
        } else if receiving != .ended {
            // RFC 9113 section 8.1: what is left of the request need not be sent.
            session.reset(number, .noError)
        }
    }
}
