// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshEngines
package import MeshSnapshot

/// Asks policy engines over gRPC, for the loops of a proxy.
///
/// A room of its own does that with a library of others; the data plane links none of it.
package protocol CheckClient: Sendable {
    /// Asks `question` of the engine at `place`, for at most `timeout`.
    ///
    /// **Shape** `done` is called once, from any thread, unless the call was cancelled before.
    func check(
        _ question: CheckQuestion, at place: CheckPlace, within timeout: Nanoseconds,
        done: @escaping @Sendable (EngineOutcome) -> Void
    ) -> any CheckCall

    /// Closes connections to places that are none of `places`.
    func keepOnly(_ places: [CheckPlace])

    /// Closes everything.
    func stop() async
}

/// A question that is on its way.
package protocol CheckCall: Sendable {
    /// Nobody waits for the answer any more.
    func cancel()
}

/// Where an engine that speaks gRPC is reached.
package struct CheckPlace: Hashable, Sendable {
    /// The address, textual IPv4 or IPv6.
    package var address: String
    /// The port.
    package var port: UInt16
    /// How the connection is encrypted; nil for cleartext.
    package var tls: UpstreamTLS?
    /// The `:authority` of calls; nil for address and port.
    package var authority: String?

    /// The place of the given parts.
    package init(address: String, port: UInt16, tls: UpstreamTLS?, authority: String?) {
        self.address = address
        self.port = port
        self.tls = tls
        self.authority = authority
    }
}
