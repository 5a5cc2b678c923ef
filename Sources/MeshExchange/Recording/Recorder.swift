// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
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
    /// What the recordings of the ring take, by a rough count.
    private var bytes = 0
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
        bytes = ring.reduce(0) { $0 + $1.roughBytes }
        if settings.file == nil { fresh = [] }
    }

    /// Records nothing from now on, whatever snapshots say: for worlds that only count.
    package mutating func stop() {
        isStopped = true
        ring = []
        fresh = []
        first = 0
        bytes = 0
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
        bytes += recording.roughBytes
        if ring.count < min(settings.ringMax, Limits.recordings) {
            // A circle that is not full begins at its first place, but for what was let go.
            if first > 0 {
                ring = all
                first = 0
            }
            ring.append(recording)
        } else if !ring.isEmpty {
            bytes -= ring[first].roughBytes
            ring[first] = recording
            first = (first + 1) % ring.count
        }
        guard bytes > Limits.recordedBytes, ring.count > 1 else { return }
        var kept = all
        while bytes > Limits.recordedBytes, kept.count > 1 {
            bytes -= kept.removeFirst().roughBytes
        }
        ring = kept
        first = 0
    }

    /// The recordings that `id` names, the oldest first.
    package func recordings(named id: String) -> [ExchangeRecording] {
        ring.filter { $0.isNamed(id) }.sorted { $0.startedNanoseconds < $1.startedNanoseconds }
    }

    /// The recordings that are kept, the oldest first.
    package var all: [ExchangeRecording] { Array(ring[first...] + ring[..<first]) }

    /// Hands over what was finished since the last call.
    package mutating func takeFresh() -> [ExchangeRecording] {
        if fresh.isEmpty { return [] }
        defer { fresh = [] }
        return fresh
    }
}

extension ExchangeRecording {
    /// What it takes in memory, by a rough count.
    var roughBytes: Int {
        events.reduce(head.utf8.count + line.utf8.count + 512) { sum, event in
            sum + 256 + (event.text?.utf8.count ?? 0)
                + event.pools.reduce(0) { $0 + 128 * $1.endpoints.count }
        }
    }
}
