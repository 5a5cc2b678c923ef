// SPDX-License-Identifier: Apache-2.0

/// Why a trace cannot be read.
package struct TraceFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file, as it was named.
    package var file: String
    /// The line, from 1.
    package var line: Int
    /// What is wrong, with what was found.
    package var message: String
    /// What a person does next.
    package var remedy: String

    /// A fault of the given parts.
    package init(file: String, line: Int, message: String, remedy: String) {
        self.file = file
        self.line = line
        self.message = message
        self.remedy = remedy
    }

    /// `file:line: what is wrong; what to do`.
    package var description: String { "\(file):\(line): \(message); \(remedy)" }
}
