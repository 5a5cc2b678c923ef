// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import MeshBasics
import MeshModelServer
import MeshSimulator
import NIOCore
import NIOPosix

/// `pinion model-server`
struct ModelServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model-server",
        abstract: "Run a simulated OpenAI-compatible model server.",
        discussion: """
            It answers chat, completions, responses, embeddings and rerank requests with made-up
            text at the pace of a real engine: continuous batching, a prefix cache, a queue, and
            vLLM's metrics. Faults come from --fault, from x-sim-… headers of one request, and
            from POST /sim/faults.
            """)

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 lets the kernel choose.")
    var port = 8000

    @Option(help: "How the server calls itself in the x-sim-server header.")
    var name: String?

    @Option(help: "The models to serve, separated by commas.")
    var models = "pinion-small"

    @Option(
        help: ArgumentHelp(
            "What the engine costs: "
                + EngineProfile.all.map(\.name).joined(separator: ", ") + "."))
    var profile = EngineProfile.small.name

    @Option(help: "Seconds of the engine that pass in one second.")
    var speed = 1.0

    @Option(help: "Requests that are worked on at once; without it, as many as the profile has.")
    var slots: Int?

    @Option(help: "Texts, identifiers, embeddings and jitter follow from it.")
    var seed: UInt64 = 1

    @Option(help: "Ask for this bearer token.")
    var apiKey: String?

    @Option(help: "Numbers in an embedding when a request does not say.")
    var dimensions = 256

    @Option(
        help: ArgumentHelp(
            "A fault from the start, key=value; may be repeated. Keys: "
                + ModelServerFaults.keys.joined(separator: ", ") + "."))
    var fault: [String] = []

    @Flag(help: "Print nothing but errors.")
    var quiet = false

    func run() async throws {
        Process.raiseFileLimit()
        let options = try options()
        let requestsToStop = Process.requestsToStop()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server: ModelServer
        do {
            server = try await ModelServer.start(options, group: group)
        } catch {
            Terminal.err(
                "cannot listen on \(host):\(port): \(error); choose another port with --port")
            throw ExitCode.failure
        }
        if !quiet {
            Terminal.log("simulated model server on http://\(host):\(server.port)/v1")
            Terminal.log("models \(models), profile \(profile)")
        }
        for await _ in requestsToStop { break }
        await server.stop()
        try? await group.shutdownGracefully()
    }

    private func options() throws -> ModelServerOptions {
        var options = ModelServerOptions()
        options.host = host
        options.port = port
        options.name = name
        options.models = models.split(separator: ",").map(String.init)
        if options.models.isEmpty { throw ValidationError("--models names no model") }
        guard let known = EngineProfile.named(profile) else {
            let names = EngineProfile.all.map(\.name).joined(separator: ", ")
            throw ValidationError("no profile `\(profile)`; known are \(names)")
        }
        options.profile = known
        if let slots {
            guard slots > 0 else { throw ValidationError("--slots must be above 0") }
            options.profile.sequencesMax = slots
        }
        guard speed > 0 else { throw ValidationError("--speed must be above 0") }
        options.speed = speed
        options.seed = seed
        options.apiKey = apiKey.map { Secret($0) }
        options.embeddingDimensions = dimensions
        for pair in fault {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let value = Int(parts[1]),
                options.faults.set(String(parts[0]), value)
            else {
                let keys = ModelServerFaults.keys.joined(separator: ", ")
                throw ValidationError("--fault \(pair): write key=number with a key of \(keys)")
            }
        }
        return options
    }
}
