// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import NIOHPACK
import NIOHTTP2

/// A stream that we opened at an endpoint: a request is sent, an answer received.
final class ClientStream: HTTP2Stream {
    private var head = RequestHead()
    private var interims = 0
    /// Called when the stream is opened, or will not be.
    var giveBack: (() -> Void)?

    override func sendHead(
        _ bytes: RawSpan
    ) throws(Violation) -> (length: Int, framing: BodyFraming, isInterim: Bool)? {
        head.reset()
        guard try head.parse(bytes, limits: Self.limits) else { return nil }
        method = head.method
        guard let session = session as? HTTP2ClientSession else { return nil }
        let scheme = session.tls == nil ? "http" : "https"
        let fields = try HTTP2Heads.request(head, bytes, scheme: scheme)
        let isLast = head.framing == .none || head.framing == .length(0)
        session.open(self)
        send(fields, isLast: isLast)
        return (head.length, head.framing, false)
    }

    private static let limits = HeadLimits(
        headBytesMax: 65_535, fieldCountMax: 512, targetBytesMax: 65_535)

    override func head(
        of fields: HPACKHeaders, isLast: Bool, into out: inout [UInt8]
    ) throws(Violation) -> (framing: BodyFraming, isInterim: Bool) {
        var answer = ResponseFields()
        let limits = HeadLimits(headBytesMax: 65_535, fieldCountMax: 256)
        try HTTP2Heads.read(fields) { name, value throws(Violation) in
            try answer.add(name, value, limits: limits)
        }
        if answer.status < 200 {
            interims += 1
            guard interims <= 16 else { throw Violation(.tooManyInformational, at: 0) }
        }
        let framing = try answer.finish(isLast: isLast, to: method, into: &out)
        return (framing, answer.status < 200)
    }

    override var isAnswered: Bool { hasAll }

    override var windowTarget: Int { HTTP2Limits.answerWindow }

    override func sayGoodbye() {
        giveBack?()
        giveBack = nil
        guard !isClosed, number > 0 else { return }
        // An answer that is whole needs no reset, and its end may still be on its way.
        if sending == .ended, hasAll { return }
        session.reset(number, .cancel)
    }
}
