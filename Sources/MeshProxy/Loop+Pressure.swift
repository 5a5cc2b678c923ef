// SPDX-License-Identifier: Apache-2.0

import MeshExchange
import MeshLimits
import MeshTelemetry

/// What a loop remembers of being short of something.
struct Relief {
    /// Clients whose bodies are not read at present.
    fileprivate var slowed: [ClientHandler] = []
    fileprivate var looks = 0

    /// Nothing yet.
    init() {}

    /// More connections than these are very many.
    fileprivate static let many = 5_000
}

/// What a loop does for the process when memory, descriptors or room for bytes get short.
extension Loop {
    /// Does not read the body of `client` until there is room again.
    func slow(_ client: ClientHandler) {
        client.pauseReads()
        relief.slowed.append(client)
    }

    /// Tells what is used here, and does what the level asks for; to be called four times a second.
    func relieve() {
        // Of very many connections only every fourth look adds up what they hold.
        relief.looks &+= 1
        if clients.count > Relief.many, relief.looks % 4 != 0 { return }
        let largest = tell()
        let former = shard.pressure
        shard.pressure = board.pressure
        if former != shard.pressure, number == 0 {
            note("pressure on memory, descriptors or room for bodies: \(shard.pressure.label)")
        }
        shard.metrics.mesh.pressure = Int64(shard.pressure.rawValue)
        // Each time, since a reload may have opened ports meanwhile.
        for listener in listeners.values { listener.hold(shard.pressure >= .acceptsNothing) }
        if shard.pressure >= .cuts, let largest, largest.isUnread { largest.cut() }
        if shard.pressure < .slowsDown, !relief.slowed.isEmpty {
            let resumed = relief.slowed
            relief.slowed = []
            for client in resumed { client.resumeSlowed() }
        }
    }

    /// Writes on the board what is used here; answers in whom the most bytes wait.
    private func tell() -> ClientHandler? {
        var bytes = 0
        var largest: (client: ClientHandler, bytes: Int)?
        func count(_ client: ClientHandler) {
            let waiting = client.waitingBytes
            bytes += waiting
            if waiting > largest?.bytes ?? 0 { largest = (client, waiting) }
        }
        for client in clients.values { count(client) }
        for session in sessions.values {
            for stream in session.streams.values {
                if let client = stream.connection as? ClientHandler { count(client) }
            }
        }
        board.report(
            number,
            descriptors: clients.count + sessions.count + activeUpstreams + idleUpstreams,
            buffered: bytes)
        if number == 0 { board.update() }
        return largest?.client
    }
}
