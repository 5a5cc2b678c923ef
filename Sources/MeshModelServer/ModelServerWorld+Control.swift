// SPDX-License-Identifier: Apache-2.0

import MeshSimulator
import NIOCore
import NIOHTTP1

/// The `/sim/` paths, by which tests look inside and order faults.
extension ModelServerWorld {
    /// Answers a `/sim/` request. These are neither remembered nor struck by faults.
    func receiveControl(_ request: ReceivedRequest, _ reply: Reply) {
        switch (request.head.method, request.path) {
        case (.GET, "/sim/stats"): reply.send(200, statsObject)
        case (.POST, "/sim/faults"):
            do {
                set(try ModelServerFaults(request.body.isEmpty ? [:] : request.json()))
                reply.send(200, ["ok": true])
            } catch {
                reply.send(error)
            }
        case (.GET, "/sim/requests"):
            let count = request.query("last").flatMap { Int($0) } ?? 20
            let prefix = request.query("path") ?? ""
            let recalled = recall(count) { $0["path"]?.text?.hasPrefix(prefix) ?? false }
            reply.send(200, .array(recalled))
        default: reply.send(.unknownPath(request.head.method.rawValue, request.path))
        }
    }

    private var statsObject: JSON {
        let stats = engine.stats
        return [
            "name": .string(name), "connections": .integer(connections.count),
            "connections_total": .integer(counters.connections),
            "requests": .integer(counters.requests),
            "active_streams": .integer(counters.activeGenerations),
            "cancelled": .integer(counters.cancelled), "faults": .integer(counters.faults),
            "engine": [
                "running": .integer(stats.running), "waiting": .integer(stats.waiting),
                "blocks_used": .integer(stats.blocksUsed), "blocks": .integer(stats.blocks),
                "accepted": .integer(stats.accepted), "refused": .integer(stats.refused),
                "finished_stop": .integer(stats.finishedStop),
                "finished_length": .integer(stats.finishedLength),
                "failed": .integer(stats.failed), "cancelled": .integer(stats.cancelled),
                "preemptions": .integer(stats.preemptions),
                "prefix_queries": .integer(stats.prefixQueries),
                "prefix_hits": .integer(stats.prefixHits),
                "prompt_tokens": .integer(stats.promptTokens),
                "generated_tokens": .integer(stats.generatedTokens),
                "steps": .integer(stats.steps), "crashed": .boolean(engine.isCrashed),
            ],
        ]
    }
}
