// SPDX-License-Identifier: Apache-2.0

/// Every bound of the model server.
enum Limits {
    /// Bytes of a request body; one more is answered with 413.
    static let bodyBytesMax = 16 * 1024 * 1024
    /// Nesting of JSON; the OpenAI shapes need less than ten.
    static let depthMax = 64
    /// Connections at once; one more is closed.
    static let connectionsMax = 8192
    /// Requests that `/sim/requests` remembers.
    static let requestsRemembered = 256
    /// Bytes of a body that `/sim/requests` remembers.
    static let bodyBytesRemembered = 64 * 1024
    /// Bytes written before a slow reader is waited for.
    static let writeBufferHigh = 64 * 1024
    /// Bytes left to write when a slow reader is served again.
    static let writeBufferLow = 16 * 1024
    /// Bytes of a body handed to the socket at a time.
    static let bodySlice = 32 * 1024
    /// Answers to one request, prompts times `n`.
    static let choicesMax = 128
    /// Texts in one embedding or rerank request, as the public service allows.
    static let inputsMax = 2048
    /// Numbers in an embedding.
    static let dimensionsMax = 4096
    /// Tokens that an answer has when the request does not say.
    static let tokensDefault = 64
    /// Tokens of an answer that `x-sim-tokens` may ask for.
    static let tokensMax = 1_000_000
}
