// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// That an endpoint is left out for a while because of how its requests went.
package struct Ejection: Hashable, Sendable {
    /// Its backend.
    package var backend: BackendID
    /// The endpoint.
    package var endpoint: EndpointID
    /// Why.
    package var reason: Reason
    /// When it is used again.
    package var until: Instant

    /// Why an endpoint is left out.
    package enum Reason: Hashable, Sendable {
        /// So many requests failed in a row.
        case consecutiveFailures(Int)
        /// So many percent of the requests within the interval succeeded.
        case successRate(percent: Int)
        /// Its mean time to the first byte was so many percent of the median.
        case latency(percentOfMedian: Int)
        /// The one request failed that was to find out whether it works again.
        case trial
    }

    /// An ejection of the given parts.
    package init(
        backend: BackendID, endpoint: EndpointID, reason: Reason, until: Instant
    ) {
        self.backend = backend
        self.endpoint = endpoint
        self.reason = reason
        self.until = until
    }
}
