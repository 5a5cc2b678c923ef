// SPDX-License-Identifier: Apache-2.0

import MeshBasics

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

    /// A model of the given parts.
    package init(
        name: [UInt8], resource: String, targets: [ModelTarget], fallbacks: [ModelTarget] = [],
        timeouts: Timeouts = Timeouts(), retry: RetryPolicy = RetryPolicy(),
        owner: String = "pinion", limits: [LimitID] = [], access: [AccessID] = [],
        labels: DataLabels = [], identity: [IdentityID] = [], isMixed: Bool = false
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

    /// A target of the given parts.
    package init(weight: Int, backend: BackendID, upstreamModel: [UInt8]?, price: Price? = nil) {
        self.weight = weight
        self.backend = backend
        self.upstreamModel = upstreamModel
        self.price = price
    }
}
