// SPDX-License-Identifier: Apache-2.0

/// Why the text of a workload cannot be read.
package struct WorkloadFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The whole text.
    package var text: String
    /// The character it is about, from 1.
    package var column: Int
    /// What is wrong, with what was found.
    package var message: String
    /// What a person does next.
    package var remedy: String

    /// `workload TEXT: character N: what is wrong; what to do`.
    package var description: String {
        "workload `\(text)`: character \(column): \(message); \(remedy)"
    }
}
