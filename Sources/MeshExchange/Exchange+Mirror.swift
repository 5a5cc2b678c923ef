// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshDialects
import MeshRouting
import MeshSnapshot
package import MeshTelemetry
package import MeshWire

/// Copies of a request that are sent to mirrors, and the answer that those of mirrors are compared
/// with.
///
/// A copy is ordered when the request goes out for the first time, where rules and residency let
/// it, and nothing here waits for it:
///
/// ```
///  dispatch ──> request ──────────> endpoint ──> answer ──> caller
///      │                                           └─ watched ──┐
///      └─ copy ──> desk ──> mirror ──> answer ──> desk <────────┘ ──> compared
/// ```
///
/// Invariant: an exchange decides the same with mirrors as without.
extension Exchange {
    /// Whether anything gets copies of the request.
    var hasMirrors: Bool {
        !snapshot.rules[Int(rule)].mirrors.isEmpty
            || (model >= 0 && !snapshot.models[Int(model)].mirrors.isEmpty)
    }

    /// Orders the copies that fall to this request. A body that is passed on as it comes is not
    /// there to be copied.
    mutating func orderCopies(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, in step: inout Step,
        shard: inout Shard, at now: Instant
    ) {
        guard body != nil || head.framing == .none else { return }
        let asked = operation == .none ? operationOfPath(head, bytes) : operation
        for mirror in snapshot.rules[Int(rule)].mirrors {
            copy(to: mirror, asked, in: &step, shard: &shard, at: now)
        }
        guard model >= 0 else { return }
        for mirror in snapshot.models[Int(model)].mirrors {
            copy(to: mirror, asked, in: &step, shard: &shard, at: now)
        }
    }

    /// Orders a copy for `mirror` when it is its turn, unless it may not have one or has no
    /// endpoint for it.
    private mutating func copy(
        to mirror: Mirror, _ asked: Operation, in step: inout Step, shard: inout Shard,
        at now: Instant
    ) {
        guard shard.random.below(mirror.denominator) < mirror.numerator else { return }
        let backend = mirror.backend
        let name = snapshot.backends[Int(backend)].name
        let labels = MirrorLabels(
            route: snapshot.rules[Int(rule)].route,
            model: model >= 0 ? snapshot.models[Int(model)].resource : "", mirror: name,
            mirrorModel: mirror.upstreamModel.map { String(decoding: $0, as: UTF8.self) } ?? "")
        let series = shard.metrics.mirrorSeries(labels)
        if hopDenial(to: backend, &shard) != nil {
            tape?.say(.authorize, "no copy goes to backend \(name)")
            shard.metrics.countCopy(.barred, series)
        } else if !isCredentialMissing(of: backend),
            let chosen = pickEndpoint(ofMirror: backend, shard: &shard, at: now),
            noteHop(chosen, .mirror, shard)
        {
            tape?.say(
                .route,
                "a copy goes to backend \(name), endpoint "
                    + snapshot.endpoints[Int(chosen.endpoint)].authority)
            var order = MirrorOrder(
                backend: backend, pick: chosen, upstreamModel: mirror.upstreamModel, series: series,
                at: now)
            if let comparison = drawComparison(shard: &shard) {
                var ticket = MirrorTicket(
                    series: series, labels: labels, comparison: comparison, operation: asked,
                    price: mirror.price, request: record.requestID, trace: record.trace,
                    orderedAt: shard.wallTime(now))
                drawEmbedder(for: &ticket, shard: &shard)
                let id = shard.mirrors.open(ticket)
                order.ticket = id
                order.answerBytesMax = comparison.answerBytesMax
                order.timeout = comparison.timeout
                order.asksForUsage =
                    snapshot.backends[Int(backend)].dialect == .openAI && facts?.stream == true
                    && asked.asksForStreamUsage && facts?.includeUsage != true
                let watch =
                    watch ?? AnswerWatch(bytesMax: comparison.answerBytesMax, at: now)
                watch.add(id)
                self.watch = watch
            }
            step.mirrors.append(order)
        } else {
            tape?.say(.route, "backend \(name) has no endpoint that may get a copy")
            shard.metrics.countCopy(.barred, series)
        }
    }

    /// How answers to copies are compared: as the Model says, or else the route; nil when they
    /// are not.
    private var comparison: Comparison? {
        let ofModel = model >= 0 ? snapshot.models[Int(model)].comparison : nil
        guard let found = ofModel ?? snapshot.rules[Int(rule)].comparison, found.percent > 0 else {
            return nil
        }
        return found
    }

    /// How the answer to a copy is compared; nil when it is not this one's turn.
    private func drawComparison(shard: inout Shard) -> Comparison? {
        guard let comparison else { return nil }
        if comparison.percent >= 100 { return comparison }
        return shard.random.below(100) < comparison.percent ? comparison : nil
    }

    /// Has an embedder asked about what the answers say, when it is this one's turn. What carries
    /// a data label is shown to none: nobody could write down that it was.
    private mutating func drawEmbedder(for ticket: inout MirrorTicket, shard: inout Shard) {
        guard let similarity = ticket.comparison.similarity, labels.isEmpty,
            similarity.percent >= 100 || shard.random.below(100) < similarity.percent
        else { return }
        let embedder = snapshot.embedders[similarity.embedder]
        for target in embedder.targets where hopDenial(to: target.backend, &shard) == nil {
            ticket.embedderBackends.append(snapshot.backends[Int(target.backend)].name)
        }
        if !ticket.embedderBackends.isEmpty { ticket.embedder = embedder.name }
    }

    /// The backends that may be shown what answers say.
    var embedderBackends: [BackendID] {
        guard let similarity = comparison?.similarity else { return [] }
        return snapshot.embedders[similarity.embedder].targets.map(\.backend)
    }

    /// Puts the head of the copy that `order` asks for into `shard.output` and answers the edits
    /// of its body.
    ///
    /// **Shape** as `forwardedHead`.
    package mutating func mirroredHead(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, for order: MirrorOrder,
        peer: [UInt8], shard: inout Shard
    ) -> BodyEdits {
        var edits = BodyEdits()
        if let body, let facts, order.upstreamModel != nil || order.asksForUsage {
            edits = BodyEdits(
                facts, body: body, upstreamModel: order.upstreamModel,
                askForUsage: order.asksForUsage)
        }
        var length: Int?
        if let body { length = edits.length(of: body.byteCount) }
        writeHead(
            head, bytes, to: order.backend, bodyLength: length, peer: peer, isMirror: true,
            shard: &shard)
        return edits
    }

    // MARK: The caller's answer

    /// What the answers of mirrors are compared with; nil when none are.
    package var answerWatch: AnswerWatch? { watch }

    /// The exchange has ended: what the caller got is known.
    mutating func endWatch(_ watch: AnswerWatch, shard: inout Shard) {
        self.watch = nil
        var sample: AnswerSample?
        if !record.flags.contains(.clientAborted) {
            var found = AnswerSample()
            found.status = record.status
            found.isGood =
                answeredHead && record.status < 400 && record.refusal == nil
                && !record.flags.contains(.truncated)
            found.body = watch.body
            found.isOver = watch.isOver
            let before = watch.ordered - record.started
            let isStream = record.flags.contains(.stream)
            if answeredHead, let first = isStream ? record.firstToken : record.firstByte {
                found.firstByte = max(.zero, first - before)
            }
            found.total = max(.zero, record.total - before)
            found.tokens = record.tokens
            found.cost = record.cost
            sample = found
        }
        for ticket in watch.tickets {
            if let series = shard.mirrors.primaryEnded(ticket, sample) {
                shard.metrics.countGap(.unfinished, series)
            }
        }
    }
}

extension Shard {
    /// A copy is over with `result`; `answer` is what was read.
    package mutating func copyEnded(
        _ order: MirrorOrder, _ result: CopyResult, _ answer: AnswerReader?, watch: AnswerWatch?,
        at now: Instant
    ) {
        metrics.countCopy(result, order.series)
        guard let id = order.ticket else { return }
        guard result == .answered, let answer else {
            mirrors.drop(id)
            watch?.forget(id)
            return
        }
        var sample = AnswerSample()
        sample.status = answer.status
        sample.isGood = answer.status < 400
        sample.body = answer.body
        sample.isOver = answer.isOver
        sample.firstByte = answer.began.map { $0 - order.ordered }
        sample.total = now - order.ordered
        mirrors.mirrorEnded(id, sample)
    }
}
