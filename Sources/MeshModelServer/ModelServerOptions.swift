// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSimulator

/// What an operator chooses about a simulated model server; each field is one flag.
package struct ModelServerOptions: Sendable {
    /// `--host`: the address to listen on. Loopback unless told otherwise.
    package var host = "127.0.0.1"
    /// `--port`: the port to listen on; 0 lets the kernel choose.
    package var port = 0
    /// `--name`: how the server calls itself in the `x-sim-server` response header; the bound
    /// port when nil, so that a test can tell servers apart.
    package var name: String?
    /// `--model`, repeatable: the models to serve. All share one engine.
    package var models = ["pinion-small"]
    /// `--profile`: what the engine costs; `EngineProfile.named(_:)` knows the names and
    /// `EngineProfile.all` lists them.
    package var profile = EngineProfile.small
    /// `--speed`: how many seconds of the engine pass in one second; 1 is real time.
    package var speed = 1.0
    /// `--seed`: texts, identifiers, embeddings and jitter follow from it.
    package var seed: UInt64 = 1
    /// `--api-key`: when set, `/v1`, `/tokenize` and `/rerank` ask for it as a bearer token.
    package var apiKey: Secret<String>?
    /// `--dimensions`: numbers in an embedding when a request does not say.
    package var embeddingDimensions = 256
    /// `--fault key=value`, repeatable: faults from the start, see `ModelServerFaults.set`.
    package var faults = ModelServerFaults()
    /// `--grace`: how long a stop waits for answers that are under way.
    package var grace = Nanoseconds.seconds(5)

    /// The default server: one model, a lively engine, no faults, a port of the kernel's choice.
    package init() {}
}
