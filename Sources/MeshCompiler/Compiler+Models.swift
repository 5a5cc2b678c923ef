// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshSnapshot

/// A model with its targets resolved.
struct ModelDraft {
    /// What was written.
    var resource: ModelResource
    /// What serves it.
    var targets: [ModelTarget] = []
    /// What is tried next.
    var fallbacks: [ModelTarget] = []
    /// What gets copies of its requests.
    var mirrors: [Mirror] = []
    /// Whether something offers it or refers to it.
    var isUsed = false
    /// The models made of it so far, one for each set of time limits, by index.
    var instances: [ModelID] = []
}

extension Compiler {
    /// Fills `modelDrafts`.
    mutating func resolveModels() {
        for resource in catalog.models {
            var draft = ModelDraft(resource: resource)
            draft.targets = resource.targets.compactMap {
                target($0, resource.price, of: resource.metadata)
            }
            draft.fallbacks = resource.fallbacks.compactMap {
                target($0, resource.price, of: resource.metadata)
            }
            draft.mirrors = resource.mirrors.compactMap { written in
                target(written.target, resource.price, of: resource.metadata).map { target in
                    Mirror(
                        backend: target.backend, numerator: written.percent, denominator: 100,
                        upstreamModel: target.upstreamModel, price: target.price)
                }
            }
            if !resource.targets.isEmpty, resource.targets.allSatisfy({ $0.weight == 0 }) {
                report.error(
                    resource.targets[0].backend.place, resource.metadata,
                    "every target has weight 0", "give at least one target a weight above 0")
            }
            modelDrafts.append(draft)
        }
    }

    private mutating func target(
        _ written: ModelResource.Target, _ price: PriceText?, of model: Metadata
    ) -> ModelTarget? {
        guard let index = resolve(written.backend, .backend, in: model) else { return nil }
        usedBackends[index] = true
        guard catalog.backends[index].isOpenAI else {
            report.error(
                written.backend.name.place, model,
                "\(catalog.backends[index].metadata.label) does not speak the OpenAI API",
                "write `dialect: OpenAI` into its `spec`")
            return nil
        }
        return ModelTarget(
            weight: written.weight, backend: BackendID(index),
            upstreamModel: written.model.map { Array($0.utf8) },
            price: (written.price ?? price).map { Price($0) },
            capabilities: Capabilities(
                written.capabilities, provider: catalog.backends[index].provider ?? ""))
    }

    /// Puts every model on the listeners that offer it, and adds the routes that lead to them.
    mutating func attachModels() {
        for index in modelDrafts.indices {
            let resource = modelDrafts[index].resource
            for listener in attachedListeners(of: resource) {
                modelDrafts[index].isUsed = true
                offer(index, on: listener)
            }
        }
        for index in listeners.indices where !listeners[index].models.isEmpty {
            appendModelRoutes(to: index)
        }
    }

    private mutating func attachedListeners(of resource: ModelResource) -> [Int] {
        if let parents = resource.parents {
            return attach(resource.metadata, parents, hostnames: [])
        }
        return listeners.indices.filter { index in
            let listener = listeners[index]
            return listener.gateway.id.namespace == resource.metadata.id.namespace
                && listener.resource.namespaces != .none && listener.takes(.model)
        }
    }

    private mutating func offer(_ draft: Int, on listener: Int) {
        let resource = modelDrafts[draft].resource
        let model = instance(of: draft, listeners[listener].settings)
        for name in [resource.name] + resource.aliases {
            if let first = listeners[listener].modelClaims[name.value] {
                let other =
                    first.metadata == resource.metadata ? "the same Model" : first.metadata.label
                report.error(
                    name.place, resource.metadata,
                    "the name \(quoted(name.value)) belongs to \(other) already, at "
                        + first.place.text, "rename one of them")
                continue
            }
            listeners[listener].modelClaims[name.value] = .init(
                metadata: resource.metadata, place: name.place)
            listeners[listener].models.append(
                NamedModel(name: Array(name.value.utf8), model: model))
        }
    }

    /// The model of `draft` where `settings` hold around it.
    mutating func instance(of draft: Int, _ settings: TrafficSettings) -> ModelID {
        let resource = modelDrafts[draft].resource
        let merged = policies.settings(of: .model, resource.metadata.id, over: settings)
        let targets = modelDrafts[draft].targets
        let fallbacks = modelDrafts[draft].fallbacks
        var timeouts = merged.timeouts
        if let connect = connect(of: (targets + fallbacks).map { Int($0.backend) }) {
            timeouts.connect = connect
        }
        let model = Model(
            name: Array(resource.name.value.utf8), resource: resource.metadata.id.text,
            targets: targets, fallbacks: fallbacks, timeouts: timeouts, retry: merged.retry,
            owner: resource.owner ?? "pinion",
            limits: limits.limits(of: .model, resource.metadata.id),
            access: access.policies(of: .model, resource.metadata.id),
            labels: residency.labels(of: .model, resource.metadata.id),
            identity: identity.providers(of: .model, resource.metadata.id),
            isMixed: isMixed(targets),
            continuation: merged.continuation,
            sticky: sticky.sticky(
                merged, of: "Model/\(resource.metadata.id.text)",
                targets: targets.map { name(of: $0) }),
            mirrors: modelDrafts[draft].mirrors, comparison: comparison(merged))
        if let known = modelDrafts[draft].instances.first(where: { models[Int($0)] == model }) {
            return known
        }
        let id = ModelID(models.count)
        models.append(model)
        modelDrafts[draft].instances.append(id)
        return id
    }

    /// What a target is known by when its weight or its place changes.
    private func name(of target: ModelTarget) -> String {
        let backend = catalog.backends[Int(target.backend)].metadata.id.text
        return "\(backend) \(String(decoding: target.upstreamModel ?? [], as: UTF8.self))"
    }

    /// The rules and matches by which models are called and listed. They lose against a route
    /// of an operator with the same match.
    private mutating func appendModelRoutes(to listener: Int) {
        let settings = listeners[listener].settings
        let call = intern(
            Rule(
                route: Self.modelRoute, index: 0, action: .modelByBody,
                timeouts: settings.timeouts, retry: settings.retry, needsFacts: true,
                limits: listeners[listener].limits, access: listeners[listener].access,
                labels: listeners[listener].labels, identity: listeners[listener].identity))
        let list = intern(
            Rule(
                route: Self.modelRoute, index: 1, action: .listModels,
                timeouts: settings.timeouts, retry: settings.retry,
                limits: listeners[listener].limits, access: listeners[listener].access,
                labels: listeners[listener].labels, identity: listeners[listener].identity))
        func entry(_ path: PathMatch, _ method: String, _ rule: RuleID, _ match: Int)
            -> RouteEntry
        {
            RouteEntry(
                path: path, method: Array(method.utf8), rule: rule,
                order: RouteOrder(
                    implicit: true, route: Self.modelRoute, rule: Int(rule == call ? 0 : 1),
                    match: match))
        }
        for (match, path) in Self.modelPaths.enumerated() {
            listeners[listener].entries.append(
                entry(.exact(Array(path.utf8)), "POST", call, match))
        }
        let models = Array("/v1/models".utf8)
        listeners[listener].entries.append(entry(.exact(models), "GET", list, 0))
        listeners[listener].entries.append(entry(.prefix(models), "GET", list, 1))
    }

    /// What logs and metrics call the routes that nobody wrote.
    private static let modelRoute = "models"

    /// The paths that name a model in their body.
    private static let modelPaths = [
        "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings",
        "/v1/rerank", "/rerank", "/v2/rerank", "/tokenize", "/detokenize",
    ]

    /// The id of `rule`, which is added unless there is an equal one.
    mutating func intern(_ rule: Rule) -> RuleID {
        if let known = rules.firstIndex(of: rule) { return RuleID(known) }
        rules.append(rule)
        return RuleID(rules.count - 1)
    }

    /// The longest connect time that policies of the Backends at `indices` set, or nil: a rule
    /// has one limit for all of its targets.
    func connect(of indices: [Int]) -> Nanoseconds? {
        indices.compactMap { index in
            policies.settings(
                of: .backend, catalog.backends[index].metadata.id, over: TrafficSettings()
            ).connect
        }.max()
    }
}

extension Capabilities {
    /// What was written of a model that `provider` serves.
    init(_ written: CapabilitiesText, provider: String) {
        self.init(
            contextTokens: written.contextTokens, outputTokens: written.outputTokens,
            tools: written.tools ?? true, vision: written.vision ?? true,
            jsonMode: written.jsonMode ?? true,
            prefill: written.prefill.map { Prefill($0) } ?? Prefill(provider: provider))
    }
}

extension Prefill {
    /// The way that `text` names.
    init(_ text: String) {
        switch text {
        case "AssistantMessage": self = .assistantMessage
        case "ContinueFinalMessage": self = .continueFinalMessage
        case "PrefixFlag": self = .prefixFlag
        default: self = .none
        }
    }

    /// The way that servers of `provider` are told, by default.
    ///
    /// **Source** the documents of each: vLLM and SGLang `continue_final_message`; llama.cpp, TGI
    /// and Anthropic a trailing assistant message; Mistral and DeepSeek `prefix`.
    init(provider: String) {
        switch provider.lowercased() {
        case "vllm", "sglang": self = .continueFinalMessage
        case "llama.cpp", "llamacpp", "llama_cpp", "tgi", "anthropic", "pinion":
            self = .assistantMessage
        case "mistral_ai", "mistral", "deepseek": self = .prefixFlag
        default: self = .none
        }
    }
}
