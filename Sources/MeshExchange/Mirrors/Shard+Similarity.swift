// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshDialects
import MeshEngines
import MeshLimits
package import MeshRouting
package import MeshSnapshot
import MeshTelemetry

/// A question about how much two texts mean the same, ready to be sent.
package struct SimilarityOrder: Sendable {
    /// The endpoint that it is for.
    package var pick: Pick
    /// The configuration that it is numbered in.
    package var snapshot: Snapshot
    /// What is sent, with the credential of the backend.
    package var request: Secret<[UInt8]>

    /// Bytes of the answer that are kept.
    package static let answerBytesMax = Limits.similarityAnswerBytes
    /// How long the answer may take.
    package static let timeout = Limits.similarityTimeout
}

/// What becomes of pairs whose answers were compared.
extension Shard {
    /// The question that is left to ask about `finding`; nil when there is none, or none may be
    /// asked now, which `finding` then tells.
    ///
    /// Its endpoint is chosen as for any request: by weight among the Model's targets that are not
    /// in trouble, and by the balancing of the backend.
    package mutating func askSimilarity(
        _ finding: inout MirrorFinding, at now: Instant
    ) -> SimilarityOrder? {
        guard let texts = finding.texts, let name = finding.ticket.embedder,
            let similarity = finding.ticket.comparison.similarity
        else { return nil }
        finding.texts = nil
        let share = Double(similarity.perMinute) / Double(max(1, ledger.loops))
        guard mirrors.mayAsk(name, perMinute: share, at: now) else {
            finding.gap = .budget
            return nil
        }
        finding.gap = .unmeasured
        guard let embedder = snapshot.embedders.first(where: { $0.name == name }) else {
            return nil
        }
        let weights = embedder.targets.map { target in
            isOpen(target, for: finding.ticket, at: now) ? target.weight : 0
        }
        guard let place = WeightedSplit.choose(weights, using: &random) else { return nil }
        let target = embedder.targets[place]
        guard
            let pick = fleet.pick(
                backend: target.backend, carrying: .nothing, hash: nil, tried: Tried(),
                using: &random, at: now)
        else { return nil }
        finding.gap = nil
        return SimilarityOrder(
            pick: pick, snapshot: snapshot,
            request: Secret(question(texts.primary, texts.mirror, for: target, at: pick)))
    }

    /// All that will be known of a pair is known.
    package mutating func settle(_ finding: MirrorFinding) {
        let series = finding.ticket.series
        if let gap = finding.gap { metrics.countGap(gap, series) }
        metrics.countPair(finding.pair, series)
        mirrors.settle(series)
    }

    private func isOpen(
        _ target: ModelTarget, for ticket: MirrorTicket, at now: Instant
    ) -> Bool {
        let backend = snapshot.backends[Int(target.backend)]
        guard ticket.embedderBackends.contains(backend.name),
            backend.credential == nil || credentials[Int(target.backend)] != nil
        else { return false }
        return fleet.standing(of: target.backend, model: target.upstreamModel, at: now).isClear
    }

    private func question(
        _ text: String, _ other: String, for target: ModelTarget, at pick: Pick
    ) -> [UInt8] {
        let backend = snapshot.backends[Int(target.backend)]
        var path = Array("/v1/embeddings".utf8)
        path.move(from: backend.pathStrip, to: backend.pathPrefix)
        var fields: [UInt8] = []
        fields.append("content-type: application/json\r\naccept: application/json\r\n")
        fields.append("user-agent: pinion\r\n")
        if backend.version == .http1 { fields.append("connection: close\r\n") }
        var credential: Secret<[UInt8]>?
        if let known = backend.credential, let secret = credentials[Int(target.backend)] {
            var line = known.header
            line.append(": ")
            line.append(contentsOf: known.prefix + secret.reveal())
            line.append("\r\n")
            credential = Secret(line)
        }
        let question = HTTPQuestion(
            method: Array("POST".utf8), target: path, host: backend.hostHeader, fields: fields,
            credential: credential,
            body: TextSimilarity.question(
                model: target.upstreamModel ?? [], text, other,
                bytesMax: Limits.similarityTextBytes))
        let authority = snapshot.endpoints[Int(pick.endpoint)].authority
        return question.bytes(authority: Array(authority.utf8))
    }
}
