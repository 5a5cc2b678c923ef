// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What bytes go through on their way from one socket to another.
///
/// Whatever happens to them they arrive in order and once, as over TCP: a loss is a delay, and
/// only a reset or a partition that never heals keeps them away.
package struct NetworkProfile: Sendable, Hashable {
    /// The time from one end to the other.
    package var latency: Nanoseconds
    /// Up to this much is added, drawn evenly.
    package var jitter = Nanoseconds.zero
    /// Segments in a thousand that are lost and sent again.
    package var lossPermille = 0
    /// Writes in a thousand that arrive in several pieces, cut anywhere.
    package var splitPermille = 0
    /// Writes in a thousand that reset the connection instead.
    package var resetPermille = 0
    /// Attempts in a thousand to connect that are refused.
    package var refusePermille = 0
    /// Attempts in a thousand to connect that are never answered.
    package var blackHolePermille = 0
    /// Bytes that the kernels of both ends hold between them before a writer must wait.
    package var window = 128 * 1024

    /// A network on which nothing goes wrong.
    package init(latency: Nanoseconds) { self.latency = latency }

    /// Two machines of one rack.
    package static var rack: NetworkProfile { NetworkProfile(latency: .microseconds(100)) }
    /// A caller some way off.
    package static var near: NetworkProfile { NetworkProfile(latency: .milliseconds(1)) }

    /// One on which writes are cut anywhere, delayed and lost, but connections hold.
    package static func rough(_ latency: Nanoseconds) -> NetworkProfile {
        var profile = NetworkProfile(latency: latency)
        profile.jitter = latency + latency
        profile.lossPermille = 5
        profile.splitPermille = 300
        return profile
    }
}
