// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting

/// How a target stood that was in trouble when it was thought of.
package struct RecordedStanding: Codable, Hashable, Sendable {
    /// The names of its backend and of its upstream model.
    package var target: String
    /// When it may be asked again, on the proxy's clock; nil while another request tries it.
    package var until: UInt64?
    /// Whether its server asked for a pause; false when requests failed in a row.
    package var isCooling: Bool

    /// The record of `standing`, or nil when there is nothing to tell.
    init?(_ target: String, _ standing: Standing) {
        self.target = target
        switch standing {
        case .clear: return nil
        case .cooling(let instant): (until, isCooling) = (instant.nanoseconds, true)
        case .broken(let instant): (until, isCooling) = (instant.nanoseconds, false)
        case .onTrial: (until, isCooling) = (nil, false)
        }
    }

    /// The standing again.
    var standing: Standing {
        guard let until else { return .onTrial }
        let instant = Instant(nanoseconds: until)
        return isCooling ? .cooling(until: instant) : .broken(until: instant)
    }
}
