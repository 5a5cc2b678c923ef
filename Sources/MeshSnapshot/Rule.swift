// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// One rule of one route: what happens to a request that it matched.
package struct Rule: Sendable, Hashable {
    /// `namespace/name` of the route, for logs and metrics; one value for all its rules.
    package var route: String
    /// Which rule of the route, from 0.
    package var index: Int
    /// What happens.
    package var action: Action
    /// Edits of the request head, in order.
    package var requestEdits: [HeaderEdit]
    /// Edits of the answer's head, in order.
    package var responseEdits: [HeaderEdit]
    /// Replaces the authority and path before forwarding, or nil.
    package var rewrite: URLRewrite?
    /// Copies of the request that are sent without waiting for an answer.
    package var mirrors: [Mirror]
    /// Time limits after policies and the route's own `timeouts` were merged.
    package var timeouts: Timeouts
    /// What is tried again, and how often.
    package var retry: RetryPolicy
    /// Whether something needs the request body read before a backend can be chosen.
    package var needsFacts: Bool
    /// The limits of its Gateway and route that its requests must meet, ascending.
    package var limits: [LimitID]
    /// The AccessPolicies of its Gateway and route, ascending.
    package var access: [AccessID]
    /// The data labels that its Gateway and route give to every request.
    package var labels: DataLabels

    /// The IdentityProviders one of which must know its callers, ascending; empty when nobody
    /// asks who they are.
    package var identity: [IdentityID]
    /// How callers keep their target of several; nil where chance decides for each request.
    package var sticky: Sticky?
    /// How the answers of mirrors are compared with those of callers; nil when they are not.
    package var comparison: Comparison?

    /// What a rule does with a request.
    package enum Action: Sendable, Hashable {
        /// Forward to one of the weighted targets.
        case forward([WeightedTarget])
        /// Answer with a redirect.
        case redirect(Redirect)
        /// Forward to the logical model that the body names, among the listener's models.
        case modelByBody
        /// Answer with the list of the listener's models (`GET /v1/models`), or with one of
        /// them when the path goes on behind the list's.
        case listModels
        /// Refuse with this status: the rule has no usable backend (Gateway API: 500).
        case refuse(Int)
    }

    /// A rule of the given parts.
    package init(
        route: String, index: Int, action: Action, requestEdits: [HeaderEdit] = [],
        responseEdits: [HeaderEdit] = [], rewrite: URLRewrite? = nil, mirrors: [Mirror] = [],
        timeouts: Timeouts = Timeouts(), retry: RetryPolicy = RetryPolicy(),
        needsFacts: Bool = false, limits: [LimitID] = [],
        access: [AccessID] = [], labels: DataLabels = [], identity: [IdentityID] = [],
        sticky: Sticky? = nil, comparison: Comparison? = nil
    ) {
        self.route = route
        self.index = index
        self.action = action
        self.requestEdits = requestEdits
        self.responseEdits = responseEdits
        self.rewrite = rewrite
        self.mirrors = mirrors
        self.timeouts = timeouts
        self.retry = retry
        self.needsFacts = needsFacts
        self.limits = limits
        self.access = access
        self.labels = labels
        self.identity = identity
        self.sticky = sticky
        self.comparison = comparison
    }
}

/// A destination with its share of the traffic.
package struct WeightedTarget: Sendable, Hashable {
    /// The share, relative to the sum over all targets; 0 takes no traffic.
    package var weight: Int
    /// Where the share goes.
    package var destination: Destination
    /// Edits of the request head for this target only (filters of a `backendRef`).
    package var requestEdits: [HeaderEdit]
    /// Edits of the answer's head for this target only.
    package var responseEdits: [HeaderEdit]
    /// The side of a rollout that it is, or -1.
    package var arm: ArmID = -1

    /// A backend, or a logical model that has targets of its own.
    package enum Destination: Sendable, Hashable {
        /// A backend, the body passed as it is.
        case backend(BackendID)
        /// A logical model, whatever the body says.
        case model(ModelID)
        /// A reference that did not resolve: its share is refused with 500 (Gateway API).
        case invalid
    }

    /// `destination` with its `weight` and edits.
    package init(
        weight: Int, destination: Destination, requestEdits: [HeaderEdit] = [],
        responseEdits: [HeaderEdit] = []
    ) {
        self.weight = weight
        self.destination = destination
        self.requestEdits = requestEdits
        self.responseEdits = responseEdits
    }
}

/// A change to a head: RequestHeaderModifier and ResponseHeaderModifier of the Gateway API.
///
/// Names are lower case; order within one filter is set, add, remove.
package enum HeaderEdit: Sendable, Hashable {
    /// Replace every field of that name by one.
    case set(name: [UInt8], value: [UInt8])
    /// Add the value to those that are there (as one more line).
    case add(name: [UInt8], value: [UInt8])
    /// Drop every field of that name.
    case remove(name: [UInt8])

    /// The name of the field that changes, in lower case.
    package var name: [UInt8] {
        switch self {
        case .set(let name, _), .add(let name, _), .remove(let name): name
        }
    }
}

/// What replaces a path: `ReplaceFullPath` or `ReplacePrefixMatch` of the Gateway API.
package enum PathModifier: Sendable, Hashable {
    /// The whole path becomes this; the query stays.
    case full([UInt8])
    /// The matched prefix (`match`, without a trailing slash unless it is `/`) becomes `with`.
    case prefix(match: [UInt8], with: [UInt8])
}

/// The URLRewrite filter.
package struct URLRewrite: Sendable, Hashable {
    /// The new Host, or nil to keep it.
    package var hostname: [UInt8]?
    /// The new path, or nil to keep it.
    package var path: PathModifier?

    /// A rewrite of the given parts.
    package init(hostname: [UInt8]?, path: PathModifier?) {
        self.hostname = hostname
        self.path = path
    }
}

/// The RequestRedirect filter.
package struct Redirect: Sendable, Hashable {
    /// `http` or `https`; nil keeps the request's scheme.
    package var scheme: [UInt8]?
    /// Nil keeps the request's host.
    package var hostname: [UInt8]?
    /// Nil follows the rules of `HTTPRequestRedirectFilter.port` in the Gateway API.
    package var port: UInt16?
    /// Nil keeps the path.
    package var path: PathModifier?
    /// 301, 302, 303, 307 or 308.
    package var status: Int

    /// A redirect of the given parts.
    package init(
        scheme: [UInt8]?, hostname: [UInt8]?, port: UInt16?, path: PathModifier?, status: Int
    ) {
        self.scheme = scheme
        self.hostname = hostname
        self.port = port
        self.path = path
        self.status = status
    }
}

/// A share of requests that is copied to another backend: the RequestMirror filter, or a mirror
/// of a Model.
package struct Mirror: Sendable, Hashable {
    /// Where the copy goes.
    package var backend: BackendID
    /// The share is `numerator / denominator`; `denominator` is above 0.
    package var numerator: Int
    /// See `numerator`.
    package var denominator: Int
    /// What `model` becomes in the copied body; nil keeps the caller's.
    package var upstreamModel: [UInt8]?
    /// What tokens cost there, or nil when nobody said.
    package var price: Price?

    /// A mirror of the given parts.
    package init(
        backend: BackendID, numerator: Int, denominator: Int, upstreamModel: [UInt8]? = nil,
        price: Price? = nil
    ) {
        self.backend = backend
        self.numerator = numerator
        self.denominator = denominator
        self.upstreamModel = upstreamModel
        self.price = price
    }
}

/// Time limits of one exchange; nil means no limit.
package struct Timeouts: Sendable, Hashable {
    /// TCP and TLS set-up with one endpoint.
    package var connect: Nanoseconds
    /// From the complete request head to the last byte of the answer, all attempts included.
    /// Gateway API `timeouts.request`.
    package var request: Nanoseconds?
    /// One attempt, from dispatch to the last byte. Gateway API `timeouts.backendRequest`.
    package var backendRequest: Nanoseconds?
    /// One attempt, from the request sent to the first byte of the answer's head.
    package var firstByte: Nanoseconds?
    /// Between two reads of an answer's body.
    package var streamIdle: Nanoseconds?

    /// Limits of the given parts; the defaults suit model servers that think for a while.
    package init(
        connect: Nanoseconds = .seconds(5), request: Nanoseconds? = nil,
        backendRequest: Nanoseconds? = nil, firstByte: Nanoseconds? = .seconds(60),
        streamIdle: Nanoseconds? = .seconds(30)
    ) {
        self.connect = connect
        self.request = request
        self.backendRequest = backendRequest
        self.firstByte = firstByte
        self.streamIdle = streamIdle
    }
}

/// What is tried again. Only a request whose body is still at hand is ever sent twice.
package struct RetryPolicy: Sendable, Hashable {
    /// The most attempts in all, the first one included, on one target; at least 1.
    package var attempts: Int
    /// The most attempts on all targets of a model together, until an answer begins.
    package var attemptsInAll: Int
    /// Whether a connection that could not be made is tried elsewhere.
    package var onConnectFailure: Bool
    /// Whether a connection that ended before the answer's head is tried elsewhere.
    package var onReset: Bool
    /// Whether an endpoint that did not answer in time is passed over for another.
    package var onTimeout: Bool
    /// Whether what is no answer is asked for elsewhere; of models only.
    package var onInvalidAnswer: Bool
    /// Statuses that are tried elsewhere, ascending.
    package var statuses: [Int]
    /// The first pause; doubles with every further attempt, with full jitter.
    package var backoffBase: Nanoseconds
    /// The longest pause, and the longest `Retry-After` that is waited for.
    package var backoffMax: Nanoseconds
    /// Retries in percent of requests over the last ten seconds that a backend may receive.
    package var budgetPercent: Int
    /// Retries each second that are always allowed.
    package var budgetMinPerSecond: Int

    /// A policy of the given parts.
    package init(
        attempts: Int = 2, attemptsInAll: Int = 8, onConnectFailure: Bool = true,
        onReset: Bool = true, onTimeout: Bool = true, onInvalidAnswer: Bool = true,
        statuses: [Int] = [502, 503, 504], backoffBase: Nanoseconds = .milliseconds(25),
        backoffMax: Nanoseconds = .seconds(1), budgetPercent: Int = 20,
        budgetMinPerSecond: Int = 10
    ) {
        self.attempts = attempts
        self.onConnectFailure = onConnectFailure
        self.attemptsInAll = attemptsInAll
        self.onReset = onReset
        self.onTimeout = onTimeout
        self.onInvalidAnswer = onInvalidAnswer
        self.statuses = statuses
        self.backoffBase = backoffBase
        self.backoffMax = backoffMax
        self.budgetPercent = budgetPercent
        self.budgetMinPerSecond = budgetMinPerSecond
    }
}
