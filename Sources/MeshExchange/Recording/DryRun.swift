// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot
import MeshWire

/// A request that is decided and never sent.
package enum DryRun {
    /// What a fresh shard under `snapshot` makes of the request, up to the first order to an
    /// endpoint; nil when nothing is listened on `port` (nil for the first one), or `head` is not
    /// whole.
    ///
    /// **Shape** every endpoint counts as healthy and idle, every credential as found, and a token
    /// or API key in the head as sound.
    package static func record(
        head bytes: [UInt8], body: [UInt8]?, port: Int?, under snapshot: Snapshot, seed: UInt64,
        at now: Instant, wallOffset: Int64
    ) -> ExchangeRecording? {
        let index =
            port.map { number in
                snapshot.ports.firstIndex { Int($0.number) == number } ?? -1
            } ?? (snapshot.ports.isEmpty ? -1 : 0)
        guard index >= 0 else { return nil }
        var shard = Shard(seed: seed, wallOffset: wallOffset)
        shard.callers.world = .imagined
        let credentials: [Secret<[UInt8]>?] = snapshot.backends.map { backend in
            backend.credential == nil ? nil : Secret([])
        }
        shard.adopt(snapshot, credentials: credentials, at: now)
        shard.recorder.adopt(RecordingSettings(perSecondMax: 1, ringMax: 1))
        let span = unsafe bytes.span.bytes
        var head = RequestHead()
        var exchange = Exchange()
        do {
            let limits = HeadLimits(
                headBytesMax: snapshot.limits.headBytesMax,
                fieldCountMax: snapshot.limits.fieldCountMax)
            guard try head.parse(span, limits: limits) else { return nil }
        } catch {
            _ = exchange.refuseMalformed(error, shard: &shard, at: now)
            return shard.recorder.all.last
        }
        let step = exchange.begin(head, span, port: index, shard: &shard, at: now)
        if step.collectsBody {
            let body = body ?? []
            _ = exchange.bodyCollected(
                unsafe body.span.bytes, head, span, shard: &shard, at: now)
        }
        return exchange.tape?.recording ?? shard.recorder.all.last
    }
}
