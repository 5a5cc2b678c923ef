// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// One request beside those of callers, on a connection or stream of its own: a copy for a mirror,
/// or a question of the mesh's own.
///
/// Whatever the other side does, it ends: with an answer, by an error, or when its time is up.
final class SideCall: Connection {
    private unowned(unsafe) let loop: Loop
    private let request: [UInt8]
    private var answer: AnswerReader
    private var limit: Timer?
    private var done: ((CopyResult, AnswerReader) -> Void)?

    private init(
        loop: Loop, request: [UInt8], answer: AnswerReader,
        done: @escaping (CopyResult, AnswerReader) -> Void
    ) {
        self.loop = loop
        self.request = request
        self.answer = answer
        self.done = done
        super.init(sockets: loop.sockets)
    }

    /// Sends `request` to the endpoint of `pick`, numbered as in `snapshot`; `done` is called once,
    /// within `time` and a little, with what became of it and with what was read.
    static func start(
        on loop: Loop, _ request: [UInt8], to pick: Pick, of snapshot: Snapshot,
        reading answer: AnswerReader, within time: Nanoseconds,
        done: @escaping (CopyResult, AnswerReader) -> Void
    ) {
        let call = SideCall(loop: loop, request: request, answer: answer, done: done)
        let endpoint = snapshot.endpoints[Int(pick.endpoint)]
        let backend = snapshot.backends[Int(endpoint.backend)]
        guard let address = loop.address(of: endpoint, id: pick.endpoint, in: snapshot) else {
            call.finishLater(.unreachable)
            return
        }
        call.limit = loop.sockets.schedule(at: loop.now + time) { [weak call] in
            call?.finish(.timeout)
        }
        let patience = min(time, connectTime)
        switch backend.version {
        case .http1: call.dial(address, tls: backend.tls, within: patience)
        case .http2:
            loop.withSession(
                to: address, slot: pick.slot, tls: backend.tls, fresh: false,
                idleTimeout: backend.connections.idleTimeout, timeout: patience
            ) { session in
                guard call.done != nil else { return }
                guard let session else {
                    call.finish(.unreachable)
                    return
                }
                session.host(call)
                call.send()
            }
        }
    }

    /// How long the connection may take: who mirrors to what is not there should not wait for it.
    private static let connectTime = Nanoseconds.seconds(2)

    private func dial(_ address: InternetAddress, tls: UpstreamTLS?, within time: Nanoseconds) {
        guard let secured = loop.client(of: tls) else {
            finishLater(.unreachable)
            return
        }
        whenUsable = { [self] isGood in
            if isGood { send() } else { finish(.unreachable) }
        }
        connect(to: address, within: time, secured: secured)
    }

    private func send() {
        write(request)
        flush()
    }

    override func received() {
        guard done != nil else {
            input.drop(input.count)
            return
        }
        var used = 0
        let window = input.window
        let progress = answer.read(window.bytes, used: &used, at: loop.now)
        input.drop(used)
        switch progress {
        case .more: break
        case .whole: finish(.answered)
        case .malformed: finish(.broken)
        }
    }

    override func ended() { finish(answer.peerClosed() ? .answered : .broken) }

    private func finishLater(_ result: CopyResult) {
        loop.sockets.later { [self] in finish(result) }
    }

    private func finish(_ result: CopyResult) {
        guard let done else { return }
        self.done = nil
        if let limit { loop.sockets.cancel(limit) }
        limit = nil
        close()
        done(result, answer)
    }
}
