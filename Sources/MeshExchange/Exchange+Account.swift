// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

extension Exchange {
    /// Settles what the exchange used and makes its record final. The only place that sets
    /// `Step.isDone`.
    mutating func finish(_ step: inout Step, shard: inout Shard, at now: Instant) {
        guard phase != .done else { return }
        if race != nil {
            settleRace(shard: &shard, at: now)
            step.leavesRival = true
        }
        settleUsage(at: now)
        settleLimits(shard: &shard, at: now)
        if turnstile != nil { leaveTurnstile(shard: &shard, at: now) }
        // Text that was shown to a classifier and carries no label leaves no receipt.
        if labels.isEmpty, record.residency != nil { record.residency = nil }
        record.total = now - record.started
        tape?.say(.account, Self.summary(record))
        nameParties(shard)
        let backendName = backend >= 0 ? snapshot.backends[Int(backend)].name : "none"
        let routeName = rule >= 0 ? snapshot.rules[Int(rule)].route : "none"
        let isPresent = snapshot === shard.snapshot
        let route =
            isPresent
            ? shard.series(rule: rule, route: routeName, backend: backend, name: backendName)
            : shard.metrics.routeSeries(route: routeName, backend: backendName)
        shard.metrics.record(record, route: route, model: modelSeries(&shard, isPresent))
        if arm >= 0 { countArm(&shard, isPresent) }
        shard.metrics.mesh.activeRequests -= 1
        if let watch { endWatch(watch, shard: &shard) }
        phase = .done
        deadline = .distantFuture
        step.isDone = true
    }

    /// What came of it, in words.
    private static func summary(_ record: borrowing ExchangeRecord) -> String {
        var words = ["status \(record.status)", "\(record.attempts) attempts"]
        if let input = record.tokens.input { words.append("\(input) tokens in") }
        if let output = record.tokens.output { words.append("\(output) tokens out") }
        if let code = record.refusal { words.append("code \(code)") }
        words.append(record.total.milliseconds)
        return words.joined(separator: ", ")
    }

    private mutating func settleUsage(at now: Instant) {
        var found: TokenUsage?
        switch reading {
        case .nothing: break
        case .document(var meter):
            meter.finish()
            found = meter.usage
        case .stream(let box): found = usage(of: box.relay)
        case .recorded(let summary): found = summary.tokens
        }
        if let firstTokenAt { record.firstToken = firstTokenAt - record.started }
        reading = .nothing
        guard model >= 0 else { return }
        if let found {
            record.tokens = TokenCounts(
                input: found.input, output: found.output, cachedInput: found.cachedInput,
                reasoningOutput: found.reasoningOutput)
            record.cost = cost(of: record.tokens)
        } else if operation.hasUsage, record.status == 200 {
            record.flags.insert(.usageMissing)
        }
    }

    /// What all servers of the answer together were asked and said, as far as is known.
    func usage(of relay: borrowing StreamRelay) -> TokenUsage? {
        guard let last = relay.usage else { return nil }
        return log.map { $0.total(with: last) } ?? last
    }

    private mutating func nameParties(_ shard: borrowing Shard) {
        if rule >= 0 { record.route = snapshot.rules[Int(rule)].route }
        if backend >= 0 { record.backend = snapshot.backends[Int(backend)].name }
        if let pick, Int(pick.endpoint) < snapshot.endpoints.count {
            record.endpoint =
                snapshot === shard.snapshot
                ? shard.endpointNames[Int(pick.endpoint)]
                : snapshot.endpoints[Int(pick.endpoint)].authority
        }
        if operation != .none { record.operation = operation.staticName }
        // Without a backend no target was chosen.
        guard model >= 0, backend >= 0 else { return }
        if let names = shard.modelNames(of: model, in: snapshot) {
            let upstream =
                modelTarget >= 0 ? names.targets[modelTarget] : names.fallbacks[-1 - modelTarget]
            record.upstreamModel = upstream ?? record.model
        } else {
            record.upstreamModel =
                upstreamModel.map { String(decoding: $0, as: UTF8.self) } ?? record.model
        }
    }

    private func modelSeries(_ shard: inout Shard, _ isPresent: Bool) -> ModelSeriesID? {
        guard model >= 0, backend >= 0 else { return nil }
        let isWildcard = snapshot.models[Int(model)].isWildcard
        if isPresent, !isWildcard,
            let known = shard.knownSeries(operation, model: model, target: modelTarget)
        {
            return known
        }
        let name =
            record.model ?? String(decoding: snapshot.models[Int(model)].name, as: UTF8.self)
        let upstream = record.upstreamModel ?? name
        let target = snapshot.backends[Int(backend)]
        if isPresent, !isWildcard {
            return shard.series(
                operation: operation, model: model, target: modelTarget, requestModel: name,
                upstreamModel: upstream, backend: target)
        }
        return shard.metrics.modelSeries(
            operation: operation.telemetryName, provider: target.provider, requestModel: name,
            responseModel: upstream, backend: target.name)
    }
}

extension Operation {
    /// `telemetryName` as the record holds it.
    var staticName: StaticString {
        switch self {
        case .none: ""
        case .chat, .responses: "chat"
        case .textCompletion: "text_completion"
        case .embeddings: "embeddings"
        case .rerank: "rerank"
        case .tokenize: "tokenize"
        case .models: "models"
        }
    }
}
