// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The `x-request-id` by which a request of the workload is known along its whole way.
enum RequestName {
    /// The name of request `number`.
    static func text(_ number: Int) -> [UInt8] {
        var text: [UInt8] = []
        text.append("sim-")
        text.appendDecimal(number)
        return text
    }

    /// The number in such a name, or nil.
    static func number(_ text: RawSpan) -> Int? {
        guard text.hasPrefix("sim-") else { return nil }
        return text.extracting(4..<text.byteCount).decimal
    }
}
