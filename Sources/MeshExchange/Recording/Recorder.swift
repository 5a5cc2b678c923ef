// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot

/// Which exchanges of a shard are recorded, and the last of those that were.
///
/// A bounded number each second is recorded, the first that come: on a laptop that is every one,
/// under load it costs the same few microseconds a second however high the load is.
package struct Recorder: Sendable {
    /// What is recorded.
    private(set) var settings = RecordingSettings()
    /// The last recordings, the oldest first, in a circle that begins at `first`.
    private var ring: [ExchangeRecording] = []
    private var first = 0
    private var secondEnds = Instant(nanoseconds: 0)
    private var left = 0
    private var isStopped = false
    /// Recordings that were finished and not yet taken for the file.
    private var fresh: [ExchangeRecording] = []

    /// A recorder with the usual settings.
    init() {}

    /// Takes over what a new snapshot says.
    mutating func adopt(_ next: RecordingSettings) {
        guard next != settings else { return }
        settings = next
        var kept = all
        kept.removeFirst(max(0, kept.count - settings.ringMax))
        ring = kept
        first = 0
        if settings.file == nil { fresh = [] }
    }

    /// Records nothing from now on, whatever snapshots say: for worlds that only count.
    package mutating func stop() {
        isStopped = true
        ring = []
        fresh = []
        first = 0
    }

    /// Whether the exchange that begins now is recorded.
    @inline(__always)
    mutating func takes(at now: Instant) -> Bool {
        if now >= secondEnds {
            secondEnds = now + .seconds(1)
            left = settings.perSecondMax
        }
        guard left > 0, !isStopped else { return false }
        left &-= 1
        return settings.ringMax > 0
    }

    /// Keeps `recording` in the place of the oldest.
    mutating func keep(_ recording: ExchangeRecording) {
        if settings.file != nil, fresh.count < settings.perSecondMax { fresh.append(recording) }
        guard ring.count >= min(settings.ringMax, Limits.recordings) else {
            ring.append(recording)
            return
        }
        guard !ring.isEmpty else { return }
        ring[first] = recording
        first = (first + 1) % ring.count
    }

    /// The recordings that are kept, the oldest first.
    package var all: [ExchangeRecording] { Array(ring[first...] + ring[..<first]) }

    /// The recording of the exchange that `id` names, the last one of that name.
    package func recording(named id: String) -> ExchangeRecording? {
        all.last { $0.isNamed(id) }
    }

    /// Hands over what was finished since the last call.
    package mutating func takeFresh() -> [ExchangeRecording] {
        if fresh.isEmpty { return [] }
        defer { fresh = [] }
        return fresh
    }
}
