// SPDX-License-Identifier: Apache-2.0

/// Why a proxy could not take a snapshot into use.
package struct ProxyError: Error, Sendable, CustomStringConvertible {
    /// What happened and what to do.
    package let description: String

    /// A socket could not be opened.
    static func cannotListen(address: String, port: UInt16, reason: String) -> ProxyError {
        ProxyError(
            description: "cannot listen on \(address):\(port): \(reason); stop what listens "
                + "there, or give the listener another port")
    }

    /// The system has no more of what a loop needs.
    static func noLoop(reason: String) -> ProxyError {
        ProxyError(
            description: "cannot wait for sockets: \(reason); raise the limit of open files "
                + "(ulimit -n)")
    }
}
