// SPDX-License-Identifier: Apache-2.0

package import MeshEngines
package import MeshSnapshot

/// Takes the questions of other proxies over gRPC.
///
/// A room of its own does that with a library of others; the data plane links none of it.
package protocol CheckServer: Sendable {
    /// Accepts on `descriptor`, a socket that listens and that is its own from now on, and answers
    /// every question with what `judge` says.
    ///
    /// **Errors** when it cannot be accepted on.
    func listen(
        on descriptor: Int32,
        judge: @escaping @Sendable (AskedRequest) async -> CheckVerdict
    ) async throws -> any CheckListener
}

/// An open port on which other proxies ask.
package protocol CheckListener: Sendable {
    /// Takes no more questions, and closes once those that were taken are answered.
    func close() async
}

/// What another proxy is told about a request of its own.
package struct CheckVerdict: Sendable {
    /// Whether the request may pass.
    package var allows: Bool
    /// The status of the refusal; 200 for a yes.
    package var status: Int
    /// What is to be changed on the way to the backend.
    package var requestEdits: [HeaderEdit]
    /// What is to be changed on the way to the caller.
    package var answerEdits: [HeaderEdit]
    /// Fields of the refusal.
    package var fields: [(name: String, value: String)]
    /// The payload of the refusal.
    package var body: [UInt8]
}
