// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshBasics
import MeshControl
import MeshExchange
import MeshProxy
import MeshSnapshot

/// `pinion explain`
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say why a request went where it went, or where one would go.",
        discussion: """
            With the id that an answer carries in x-request-id, the decisions of that request, as a
            running pinion recorded them:
              pinion explain 0f8e2a4c-…
            With a configuration and a request in options, the decisions it would make; nothing is
            sent, and every endpoint counts as healthy and idle:
              pinion explain -f mesh.yaml --path /v1/chat/completions --model chat
            """)

    @Argument(help: "The id of a request, from x-request-id or the access log.")
    var id: String?

    @Option(name: .shortAndLong, help: "A YAML file or a folder of them; may be repeated.")
    var file: [String] = []

    @Option(help: "The method; POST when a model is named, else GET.")
    var method: String?

    @Option(help: "The path with its query.")
    var path: String?

    @Option(help: "The Host; localhost by default.")
    var host = "localhost"

    @Option(help: "The port that the request comes in on; the first one by default.")
    var port: Int?

    @Option(name: [.long, .customShort("H")], help: "A header as NAME:VALUE; may be repeated.")
    var header: [String] = []

    @Option(help: "What the body asks for in `model`.")
    var model: String?

    @Flag(help: "The body asks for a stream.")
    var stream = false

    @Option(help: "The body's bound on tokens.")
    var maxTokens: Int?

    @Option(help: "Bytes of the body's prompt.")
    var promptBytes = 100

    @Option(help: "Decides the draws of chance.")
    var seed: UInt64 = 1

    @Option(name: .shortAndLong, help: "text, json or yaml.")
    var output = OutputFormat.text

    @Option(help: "Where the running pinion serves its admin port.")
    var admin = "127.0.0.1:15000"

    func validate() throws {
        if id == nil, file.isEmpty {
            throw ValidationError(
                "name a request id, or a configuration with -f and a request with --path")
        }
        if id != nil, !file.isEmpty {
            throw ValidationError("a request id is explained by what ran, not by -f; give one")
        }
        if id == nil, path == nil {
            throw ValidationError("--path says what the request asks for: --path /v1/models")
        }
        if !(0...16_777_216).contains(promptBytes) {
            throw ValidationError("--prompt-bytes must be 0 to 16777216")
        }
        for field in header where !field.contains(":") {
            throw ValidationError("--header \(field): write NAME:VALUE, as in 'x-team: a'")
        }
        if let method, !method.utf8.allSatisfy(Self.isToken) || method.isEmpty {
            throw ValidationError("--method \(method) is no method; write GET or POST")
        }
        for text in header + [host, path ?? "/"] where text.utf8.contains(where: { $0 < 0x20 }) {
            throw ValidationError("a line break or control character cannot be part of a request")
        }
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D
    }

    func run() throws {
        if let id {
            try explainRecorded(id)
        } else {
            try explainImagined()
        }
    }

    private func explainRecorded(_ id: String) throws {
        // An id may hold any visible character; in a path it must not be read as one of its own.
        let escaped = id.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let recording = try RecordingSource.running(admin, path: "/recordings/\(escaped)")
        guard let exchange = recording.exchanges.last else {
            Terminal.err("no exchange is recorded under \(id)")
            throw ExitCode.failure
        }
        let snapshot = recording.snapshots.snapshot(exchange.snapshot, of: exchange)
        try show(Explanation.of(exchange, under: snapshot))
    }

    private func explainImagined() throws {
        let compiled = try CompiledFiles(file)
        let asked = method ?? (model == nil ? "GET" : "POST")
        let body =
            asked == "GET" || asked == "HEAD"
            ? nil
            : RecordedBody(
                model: model, stream: stream, tokensMax: maxTokens, inputBytes: promptBytes)
        var fields = ["host: \(host)"]
        fields += header
        if let body {
            fields += ["content-type: application/json", "content-length: \(body.length)"]
        }
        let head =
            "\(asked) \(path ?? "/") HTTP/1.1\r\n"
            + fields.map { $0 + "\r\n" }.joined() + "\r\n"
        guard
            let recording = DryRun.record(
                head: Array(head.utf8), body: body?.bytes, port: port,
                under: compiled.snapshot, seed: seed, at: LiveWorld.now(),
                wallOffset: LiveWorld.wallOffset())
        else {
            Terminal.err(
                port.map { "no Gateway listens on port \($0); see `pinion check -f …`" }
                    ?? "the configuration listens on no port: add a Gateway")
            throw ExitCode.failure
        }
        try show(Explanation.of(recording, under: compiled.snapshot))
    }

    private func show(_ explanation: Explanation) throws {
        switch output {
        case .text: Terminal.out(explanation.rendered.trimmingCharacters(in: .newlines))
        case .json, .yaml:
            // JSON is YAML, too.
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .withoutEscapingSlashes, .sortedKeys]
            Terminal.out(String(decoding: try encoder.encode(explanation), as: UTF8.self))
        }
    }
}
