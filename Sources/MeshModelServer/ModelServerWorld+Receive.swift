// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator
import NIOCore
import NIOHTTP1

/// What happens to a request: faults first, then the path decides.
extension ModelServerWorld {
    /// Answers `request` through `reply`.
    func receive(_ request: ReceivedRequest, _ reply: Reply) {
        let path = request.path
        if path.hasPrefix("/sim/") { return receiveControl(request, reply) }
        remember(request)
        switch (request.head.method, path) {
        case (.GET, "/health"), (.GET, "/ping"): return sendHealth(reply)
        case (.GET, "/metrics"):
            let type = "text/plain; version=0.0.4; charset=utf-8"
            return reply.send(200, Array(metricsPage().utf8), type: type)
        case (.GET, "/version"): return reply.send(200, ["version": "pinion-model-server"])
        default: break
        }
        let faults = self.faults.overruled { request.head.headers.first(name: $0) }
        reply.faults = faults
        guard faults.delay > .zero else { return work(request, reply, faults) }
        let delay = TimeAmount.nanoseconds(faults.delay.rawValue)
        let waiting = loop.assumeIsolated().scheduleTask(in: delay) { [self] in
            reply.onLoss = nil
            work(request, reply, faults)
        }
        reply.onLoss = { [self] _ in
            waiting.cancel()
            counters.cancelled += 1
        }
    }

    private func work(_ request: ReceivedRequest, _ reply: Reply, _ faults: ModelServerFaults) {
        guard !reply.isOver else { return }
        if let status = faults.statusOfAll {
            counters.faults += 1
            return reply.send(.simulated(status, retryAfter: faults.retryAfter))
        }
        do {
            try authorize(request)
            try serve(request, reply, faults)
        } catch {
            reply.send(error)
        }
    }

    private func authorize(_ request: ReceivedRequest) throws(OpenAIError) {
        guard let key = options.apiKey else { return }
        let sent = request.head.headers.first(name: "authorization") ?? ""
        guard sent == "Bearer \(key.reveal())" else { throw .unauthorized }
    }

    private func serve(
        _ request: ReceivedRequest, _ reply: Reply, _ faults: ModelServerFaults
    ) throws(OpenAIError) {
        let path = request.path
        switch (request.head.method, path) {
        case (.POST, "/v1/chat/completions"): try generate(request, reply, faults, .chat)
        case (.POST, "/v1/completions"): try generate(request, reply, faults, .completion)
        case (.POST, "/v1/responses"): try generate(request, reply, faults, .responses)
        case (.POST, "/v1/embeddings"): try embed(request, reply)
        case (.POST, "/v1/rerank"), (.POST, "/rerank"), (.POST, "/v2/rerank"):
            try rerank(request, reply)
        case (.POST, "/tokenize"): try tokenize(request, reply)
        case (.GET, "/v1/models"):
            let list = options.models.map(modelObject)
            reply.send(200, ["object": "list", "data": .array(list)])
        case (.GET, _) where path.hasPrefix("/v1/models/"):
            let name = String(path.dropFirst("/v1/models/".count))
            reply.send(200, modelObject(try known(name.removingPercentEscapes)))
        default: throw .unknownPath(request.head.method.rawValue, path)
        }
    }

    /// `model`, when this server has it.
    func known(_ model: String) throws(OpenAIError) -> String {
        guard options.models.contains(model) else { throw .unknownModel(model) }
        return model
    }

    private func generate(
        _ received: ReceivedRequest, _ reply: Reply, _ faults: ModelServerFaults,
        _ surface: GenerationRequest.Surface
    ) throws(OpenAIError) {
        let request = try GenerationRequest(try received.json(), surface: surface)
        _ = try known(request.model)
        try checkLength(request)
        let frame = frame(for: request, number: received.number)
        let generation = Generation(
            request, reply: reply, faults: faults, frame: frame, world: self)
        if engine.isCrashed { return reply.sever(isReset: true) }
        try generation.start()
        turn()
    }

    /// A bound that could never be used is refused, as the real server does.
    private func checkLength(_ request: GenerationRequest) throws(OpenAIError) {
        let limit = options.profile.contextTokensMax
        let longest = request.prompts.map(\.tokens.count).max() ?? 0
        let (tokens, isHuge) = longest.addingReportingOverflow(request.tokensMax ?? 0)
        guard isHuge || tokens > limit else { return }
        let refusal = EngineRefusal.tooLong(tokens: isHuge ? .max : tokens, limit: limit)
        throw error(for: refusal, prompt: longest)
    }

    private func frame(for request: GenerationRequest, number: Int) -> ResponseFrame {
        let prefix =
            switch request.surface {
            case .chat: "chatcmpl-"
            case .completion: "cmpl-"
            case .responses: "resp_"
            }
        let suffix = identifier(number)
        let kind = StableHash.of(utf8: options.profile.name, seed: options.seed)
        return ResponseFrame(
            id: prefix + suffix, created: secondsSince1970, model: request.model,
            fingerprint: "fp_sim_" + String(kind % 0x10_0000_0000, radix: 16),
            promptTokens: request.prompts.reduce(0) { $0 + $1.allTokens.count },
            includesUsage: request.includesUsage, suffix: suffix)
    }

    /// Sixteen hexadecimal digits that name the request `number` of this server.
    func identifier(_ number: Int) -> String {
        let hash = StableHash.mix(options.seed ^ StableHash.mix(UInt64(number)))
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The calendar in whole seconds.
    var secondsSince1970: Int { Int(LiveWorld.wallTime().nanoseconds / 1_000_000_000) }

    private func modelObject(_ name: String) -> JSON {
        [
            "id": .string(name), "object": "model", "created": .integer(secondsSince1970),
            "owned_by": "pinion", "max_model_len": .integer(options.profile.contextTokensMax),
        ]
    }

    private func sendHealth(_ reply: Reply) {
        let isWell = !faults.isUnhealthy && !engine.isCrashed
        reply.send(isWell ? 200 : 503, ["status": isWell ? "ok" : "unhealthy"])
    }
}

extension String {
    /// The text with `%` escapes taken out, as paths carry them.
    var removingPercentEscapes: String {
        var out: [UInt8] = []
        let bytes = Array(utf8)
        var i = 0
        while i < bytes.count {
            if bytes[i] == UInt8(ascii: "%"), i + 2 < bytes.count,
                let high = ASCII.hexValue(bytes[i + 1]), let low = ASCII.hexValue(bytes[i + 2])
            {
                out.append(high << 4 | low)
                i += 3
            } else {
                out.append(bytes[i])
                i += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
