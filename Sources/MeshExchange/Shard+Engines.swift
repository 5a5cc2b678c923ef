// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshEngines
package import MeshRouting
package import MeshSnapshot
import MeshTelemetry

/// What a shard keeps of policy engines: their answers, and their endpoints.
extension Shard {
    /// What is kept for each engine of the present snapshot.
    struct Engines: Sendable {
        /// The engine that the answers are of.
        var engine: PolicyEngine
        /// Its answers; nil when none are kept.
        var answers: AnswerCache?
        /// Where it is counted.
        var series: EngineSeriesID
    }

    /// Takes over the engines of a new snapshot; answers stay where the question is the same.
    mutating func adoptEngines(of next: Snapshot) {
        let former = engines
        engines = next.access.engines.map { engine in
            let known = former.first { $0.engine.answersAlike(engine) }
            return Engines(
                engine: engine,
                answers: engine.cache.map { cache in
                    known?.answers ?? AnswerCache(entriesMax: cache.entriesMax)
                }, series: metrics.engineSeries(engine: engine.name))
        }
    }

    /// The answer that is kept for `key`; nil for an exchange of a former snapshot.
    mutating func keptAnswer(
        of engine: EngineID, _ key: [UInt8], for asked: Snapshot, at now: Instant
    ) -> EngineAnswer? {
        guard asked === snapshot else { return nil }
        return engines[Int(engine)].answers?.answer(for: key, at: now)
    }

    /// Keeps an answer for as long as its engine's are kept.
    mutating func keep(
        _ answer: EngineAnswer, of engine: EngineID, for key: [UInt8], asked: Snapshot,
        at now: Instant
    ) {
        guard asked === snapshot, let cache = engines[Int(engine)].engine.cache else { return }
        engines[Int(engine)].answers?.keep(answer, for: key, until: now + cache.lifetime)
    }

    /// Counts what came of asking an engine of `asked`.
    mutating func countEngine(
        _ result: EngineResult, after waited: Nanoseconds?, _ engine: EngineID, of asked: Snapshot
    ) {
        let series =
            asked === snapshot
            ? engines[Int(engine)].series
            : metrics.engineSeries(engine: asked.access.engines[Int(engine)].name)
        metrics.countEngine(result, after: waited, series)
    }

    /// A question to the endpoint `pick` of `asked` goes out: an attempt until `endQuestion`.
    package mutating func beginQuestion(_ pick: Pick, of asked: Snapshot, at now: Instant) {
        let backend = number(of: asked.endpoints[Int(pick.endpoint)].backend, in: asked)
        if backend >= 0 { fleet.countRequest(backend: backend, at: now) }
        fleet.begin(pick.slot, at: now)
    }

    /// The question that was sent to `pick` has ended.
    package mutating func endQuestion(_ pick: Pick, _ outcome: Outcome, at now: Instant) {
        if let ejection = fleet.end(pick.slot, outcome, at: now) {
            countEjection(Exchange.metric(ejection.reason), backend: ejection.backend)
        }
    }

    /// How many answers of each engine are kept.
    package var keptAnswers: [Int] { engines.map { $0.answers?.count ?? 0 } }
}
