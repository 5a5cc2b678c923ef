// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshIdentity
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// Showing the text of a request to classifiers, services of somebody else that say which data
/// labels it carries.
///
/// ```
///  model and target chosen ──> kept answer? ──no──> Step.asks ──> engineAnswered ──┐
///             ^                      └──yes──────────────────────────────────────> labels
///             └────── route again, when a label is new: the target was drawn without it ┘
/// ```
///
/// What a classifier is shown may carry every label that it is asked about, so it must be where all
/// of those, and all that are known already, may be. While it is not, does not answer, or answers
/// with what is no list of labels, its labels are carried. A label that nobody expected of it
/// refuses the request.
///
/// Invariant: without a classifier nothing here costs more than looking at an empty array.
extension Exchange {
    /// Shows `body` to the classifiers that have not seen it. Answers a refusal, a step that asks,
    /// the step that follows from another route, or nil when all have been heard.
    mutating func askClassifiers(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, shard: inout Shard,
        at now: Instant
    ) -> Step? {
        let classifiers = snapshot.residency.classifiers
        guard !classifiers.isEmpty, let body, body.byteCount > 0 else { return nil }
        let notes = accessNotes ?? AccessNotes()
        accessNotes = notes
        for classifier in classifiers where !notes.classified.contains(classifier.engine) {
            notes.classified.append(classifier.engine)
            // There is nothing more that it could say.
            if classifier.labels.isSubset(of: labels) { continue }
            let engine = snapshot.access.engines[Int(classifier.engine)]
            guard case .classifier(let path) = engine.speech else { continue }
            let key = engine.cache == nil ? nil : Digest(of: body).bytes
            let kept = key.flatMap {
                shard.keptAnswer(of: classifier.engine, $0, for: snapshot, at: now)
            }
            if let answer = tape?.keptAnswer(kept, of: engine.name) ?? kept {
                shard.countEngine(.cached, after: nil, classifier.engine, of: snapshot)
                return takeLabels(
                    .answered(answer), of: classifier.engine, head, bytes, body: body,
                    shard: &shard, at: now)
            }
            let exposed = labels.union(exposable)
            let isPlace = mayReach(engine.backend, Carried(exposed, at: shard.wallTime(now)))
            let place =
                isPlace && !isCredentialMissing(of: engine.backend)
                ? pickEndpoint(
                    ofEngine: engine.backend, labels: exposed, shard: &shard, at: now) : nil
            guard let place, noteHop(place, .classifier, exposing: exposed, shard) else {
                if !isPlace {
                    tape?.say(.residency, "\(engine.name) is no place for what it would be shown")
                }
                return takeLabels(
                    .failed(.unreachable), of: classifier.engine, head, bytes, body: body,
                    shard: &shard, at: now)
            }
            tape?.say(
                .residency,
                "\(engine.name) is shown the text, for at most \(engine.timeout.milliseconds)")
            wait(for: classifier.engine, keyedBy: key, then: .labelled, at: now)
            var step = Step()
            step.asks = EngineOrder(
                question(for: engine, path: path, showing: body), for: place)
            return step
        }
        return nil
    }

    /// Takes what a classifier said, and goes on: by another route when that is news.
    mutating func takeLabels(
        _ outcome: EngineOutcome, of engine: EngineID, _ head: borrowing RequestHead,
        _ bytes: RawSpan, body: RawSpan?, shard: inout Shard, at now: Instant
    ) -> Step {
        let known = snapshot.residency.classifiers.first { $0.engine == engine }
        guard let classifier = known else {
            return enter(head, bytes, body: body, shard: &shard, at: now)
        }
        let name = snapshot.access.engines[Int(engine)].name
        let before = labels
        switch outcome {
        case .answered(let answer):
            let found = snapshot.residency.labels(named: answer.labels)
            let names = snapshot.residency.names(classifier.labels)
            guard answer.labels.allSatisfy({ names.contains($0) }) else {
                tape?.say(.residency, "\(name) names a label that it is not asked about")
                keepLabels()
                return refuse(
                    Refusal(
                        .residencyDenied,
                        message: "\(name) found a data label that it is not asked about, so "
                            + "nobody knows where this data may go; name it as a source of that "
                            + "label's ResidencyPolicy, or correct it"),
                    shard: &shard, at: now)
            }
            carry(found, because: name)
        case .failed(let failure):
            carry(
                classifier.labels, because: "\(name), of which there is no answer: \(failure.text)")
        }
        if labels == before { return enter(head, bytes, body: body, shard: &shard, at: now) }
        (model, modelTarget, backend, ruleTarget) = (-1, 0, -1, -1)
        return route(head, bytes, body: body, shard: &shard, at: now)
    }

    /// Every label that the text may turn out to carry once classifiers were heard and another
    /// route was taken.
    private var exposable: DataLabels {
        var found: DataLabels = []
        for classifier in snapshot.residency.classifiers { found.formUnion(classifier.labels) }
        if case .forward(let targets) = snapshot.rules[Int(rule)].action {
            for target in targets {
                if case .model(let id) = target.destination {
                    found.formUnion(snapshot.models[Int(id)].labels)
                }
            }
        }
        return found
    }
}
