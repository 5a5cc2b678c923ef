// SPDX-License-Identifier: Apache-2.0

/// What a server said in one answer, kept until the caller has ended, so that what the caller
/// saw can be held against it.
final class AttemptLog {
    /// The server.
    let server: Int
    /// The request that was answered, or -1.
    let request: Int
    /// The status of the answer.
    var status = 0
    /// The payload so far, without framing and without what only the mesh asked for.
    var produced: [UInt8] = []
    /// Whether the payload was ended as its protocol says.
    var isWhole = false
    /// Bytes of each event that carries a token; 0 for an answer in one piece.
    var eventBytes = 0
    /// Tokens said.
    var tokens = 0
    /// Prompt tokens that the engine's cache held.
    var cachedTokens: Int?

    init(server: Int, request: Int) {
        self.server = server
        self.request = request
    }
}
