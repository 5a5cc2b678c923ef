// SPDX-License-Identifier: Apache-2.0

/// Why a stream of events was given up.
package enum EventFault: Error, Hashable, Sendable {
    /// One event is larger than the scanner may hold; `limit` is the bound in bytes.
    case tooLarge(limit: Int)

    /// What happened, in a lower-case fact for a person.
    package var message: String {
        switch self {
        case .tooLarge(let limit): "an event is larger than \(limit) bytes"
        }
    }
}
