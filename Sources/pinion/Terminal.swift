// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshBasics
import MeshProxy

/// Where the command speaks: answers on standard output, everything else on standard error.
enum Terminal {
    /// Prints an answer.
    static func out(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    /// Prints a message for a person.
    static func err(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    /// Prints a dated line about a running process.
    static func log(_ text: String) {
        var line: [UInt8] = []
        let now = Int64(truncatingIfNeeded: LiveWorld.now().nanoseconds) + LiveWorld.wallOffset()
        WallTime(nanoseconds: now).appendRFC3339(to: &line)
        err("\(String(decoding: line, as: UTF8.self)) \(text)")
    }

    /// "1 error", "3 errors".
    static func count(_ n: Int, _ noun: String) -> String {
        n == 1 ? "1 \(noun)" : "\(n) \(noun)s"
    }

    /// The exit code of a wrong configuration.
    static let wrongConfiguration = ExitCode(2)
}
