// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// A logical model name and what stands behind it.
package struct Model: Sendable, Hashable {
    /// The name callers use, UTF-8.
    package var name: [UInt8]
    /// `namespace/name` of the resource, for logs and metrics.
    package var resource: String
    /// Where its requests go, by weight.
    package var targets: [ModelTarget]
    /// What is tried, in order, when the chosen target cannot serve.
    package var fallbacks: [ModelTarget]
    /// Time limits of its requests.
    package var timeouts: Timeouts
    /// What is tried again on one target.
    package var retry: RetryPolicy
    /// What `GET /v1/models` says of its owner.
    package var owner: String
    /// The limits of its own that its requests must meet, ascending.
    package var limits: [LimitID]
    /// The AccessPolicies of its own, ascending.
    package var access: [AccessID]
    /// The data labels that it gives to every request for it.
    package var labels: DataLabels
    /// The IdentityProviders of its own, one of which must know its callers, ascending.
    package var identity: [IdentityID]
    /// Whether its targets belong to several providers, so that nobody can say whom a caller's
    /// own credential is for. (A fallback never gets it.)
    package var isMixed: Bool
    /// Whether and how an answer that broke off goes on elsewhere; nil for not at all.
    package var continuation: ContinuationPolicy?
    /// Whether and when another endpoint is asked beside a slow one; nil for never.
    package var hedging: HedgePolicy?
    /// How callers keep their target of several; nil where chance decides for each request.
    package var sticky: Sticky?
    /// Copies of its requests that are sent without waiting for an answer.
    package var mirrors: [Mirror]
    /// How the answers of mirrors are compared with those of callers; nil when they are not, or
    /// as the route says.
    package var comparison: Comparison?

    /// Whether any target or fallback is limited in what it can do.
    package let hasLimits: Bool
    /// Whether anything depends on what a request needs beyond text.
    package let readsNeeds: Bool

    /// A model of the given parts.
    package init(
        name: [UInt8], resource: String, targets: [ModelTarget], fallbacks: [ModelTarget] = [],
        timeouts: Timeouts = Timeouts(), retry: RetryPolicy = RetryPolicy(),
        owner: String = "pinion", limits: [LimitID] = [], access: [AccessID] = [],
        labels: DataLabels = [], identity: [IdentityID] = [], isMixed: Bool = false,
        continuation: ContinuationPolicy? = nil, hedging: HedgePolicy? = nil,
        sticky: Sticky? = nil, mirrors: [Mirror] = [], comparison: Comparison? = nil
    ) {
        self.name = name
        self.resource = resource
        self.targets = targets
        self.fallbacks = fallbacks
        self.timeouts = timeouts
        self.retry = retry
        self.owner = owner
        self.limits = limits
        self.access = access
        self.labels = labels
        self.identity = identity
        self.isMixed = isMixed
        self.continuation = continuation
        self.hedging = hedging
        self.sticky = sticky
        self.mirrors = mirrors
        self.comparison = comparison
        let all = (targets + fallbacks).map(\.capabilities)
        hasLimits = all.contains { !$0.isUnlimited }
        readsNeeds = continuation != nil || all.contains { !$0.vision || !$0.jsonMode }
    }
}

/// When another endpoint is asked beside one whose answer is late.
package struct HedgePolicy: Sendable, Hashable {
    /// The wait after which it is, where no percentile is known; nil for never then.
    package var delay: Nanoseconds?
    /// The share of answers, in percent, that begin sooner than the wait; nil for `delay` always.
    package var percentile: Int?
    /// The shortest wait, whatever the percentile says.
    package var delayMin: Nanoseconds
    /// Second attempts in percent of requests, and their tokens in percent of those.
    package var budgetPercent: Int
    /// Requests with more tokens than these, by a rough count, are never sent twice.
    package var inputTokensMax: Int
    /// Whether a fallback is asked where the backend has no other endpoint.
    package var usesFallbacks: Bool

    /// A policy of the given parts.
    package init(
        delay: Nanoseconds? = nil, percentile: Int? = nil,
        delayMin: Nanoseconds = .milliseconds(50), budgetPercent: Int = 5,
        inputTokensMax: Int = 4096, usesFallbacks: Bool = false
    ) {
        self.delay = delay
        self.percentile = percentile
        self.delayMin = delayMin
        self.budgetPercent = budgetPercent
        self.inputTokensMax = inputTokensMax
        self.usesFallbacks = usesFallbacks
    }
}

/// One upstream model on one backend.
package struct ModelTarget: Sendable, Hashable {
    /// The share among a model's targets; not used among fallbacks.
    package var weight: Int
    /// The backend that serves it.
    package var backend: BackendID
    /// What `model` becomes in the forwarded body; nil keeps the caller's.
    package var upstreamModel: [UInt8]?
    /// What its tokens cost, or nil when nobody said.
    package var price: Price?
    /// What the model can do there.
    package var capabilities: Capabilities
    /// The side of a rollout that it is, or -1.
    package var arm: ArmID = -1

    /// A target of the given parts.
    package init(
        weight: Int, backend: BackendID, upstreamModel: [UInt8]?, price: Price? = nil,
        capabilities: Capabilities = Capabilities()
    ) {
        self.weight = weight
        self.backend = backend
        self.upstreamModel = upstreamModel
        self.price = price
        self.capabilities = capabilities
    }
}

/// What an upstream model can do. What nobody said rules nothing out.
package struct Capabilities: Sendable, Hashable {
    /// Tokens of prompt and answer together, or nil when nobody said.
    package var contextTokens: Int?
    /// Tokens of an answer, or nil when nobody said.
    package var outputTokens: Int?
    /// Whether it calls tools.
    package var tools: Bool
    /// Whether it sees images.
    package var vision: Bool
    /// Whether it writes JSON on demand: `response_format`, a schema, a grammar.
    package var jsonMode: Bool
    /// How it goes on from a beginning of the answer that is given to it.
    package var prefill: Prefill

    /// Abilities of the given parts.
    package init(
        contextTokens: Int? = nil, outputTokens: Int? = nil, tools: Bool = true,
        vision: Bool = true, jsonMode: Bool = true, prefill: Prefill = .none
    ) {
        self.contextTokens = contextTokens
        self.outputTokens = outputTokens
        self.tools = tools
        self.vision = vision
        self.jsonMode = jsonMode
        self.prefill = prefill
    }

    /// Whether no request is ruled out.
    package var isUnlimited: Bool {
        contextTokens == nil && outputTokens == nil && tools && vision && jsonMode
    }
}

/// How a server is told that an answer begins with words that were said already.
package enum Prefill: Sendable, Hashable {
    /// It cannot be told.
    case none
    /// By a last message of the assistant.
    case assistantMessage
    /// By the same with `continue_final_message`.
    case continueFinalMessage
    /// By the same with `prefix`.
    case prefixFlag
}

/// How an answer that broke off after the caller was given some of it goes on at another endpoint.
package struct ContinuationPolicy: Sendable, Hashable {
    /// The most times that one answer is continued, at least 1.
    package var attempts: Int
    /// Bytes of what was said that are kept for it; an answer that grows larger is not continued.
    package var bufferBytesMax: Int
    /// Whether a server that cannot be told what was said may answer from the beginning, what was
    /// said being left out.
    package var restarts: Bool

    /// A policy of the given parts.
    package init(attempts: Int = 2, bufferBytesMax: Int = 256 * 1024, restarts: Bool = true) {
        self.attempts = attempts
        self.bufferBytesMax = bufferBytesMax
        self.restarts = restarts
    }
}
