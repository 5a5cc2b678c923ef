// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshAdmin
import MeshBasics
import MeshCompiler
import MeshControl
import MeshGRPC
import MeshModel
import MeshModelServer
import MeshProxy
import MeshSnapshot
import NIOCore
import NIOPosix

/// `pinion up`
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Run the mesh on this machine.",
        discussion: """
            With -f, from your resources; a change to the files is live within 100 ms. Without -f,
            a gateway on 127.0.0.1:8080 for the provider of OPENAI_BASE_URL and OPENAI_API_KEY, or,
            when neither is set, for a built-in simulated model server that needs no network.
            """)

    @Option(name: .shortAndLong, help: "A YAML file or a folder of them; may be repeated.")
    var file: [String] = []

    @Option(help: "Where the gateway listens when no file says so.")
    var listen = "127.0.0.1:8080"

    @Option(help: "Where health, metrics and `pinion get` are served: ADDRESS:PORT or unix:PATH.")
    var admin = "127.0.0.1:15000"

    @Option(
        help: """
            A file with the token that --admin asks for; also PINION_ADMIN_TOKEN. Needed where \
            other machines can reach it.
            """)
    var adminTokenFile: String?

    @Option(
        help: ArgumentHelp(
            "The folder in which rollouts keep where they stand; goes before the Mesh's.",
            valueName: "folder"))
    var stateDir: String?

    @Option(help: "Event loops; by default one for each core this process may use.")
    var concurrency: Int?

    @Flag(help: "Print what to try next.")
    var hints = false

    func validate() throws {
        if let concurrency, concurrency < 1 || concurrency > 256 {
            throw ValidationError("--concurrency must be 1 to 256")
        }
        _ = try AdminPlace(admin, option: "--admin")
        _ = try SocketPlace(listen, option: "--listen")
    }

    func run() async throws {
        let started = LiveWorld.now()
        let handover = Handover()
        let program = Successor.ownProgram()
        Process.raiseFileLimit()
        let requestsToStop = Process.requestsToStop()
        let place = try AdminPlace(admin, option: "--admin")
        let token = try AdminToken.forServer(adminTokenFile, at: place)
        let recordings = RecordingWriter { Terminal.log($0) }
        let (wants, wanted) = AsyncStream.makeStream(of: String.self)
        let proxy = try Proxy(
            loopCount: concurrency ?? LiveWorld.cores(), seed: LiveWorld.seed(),
            readCredential: Credentials.read, checks: ExtAuthzClient(),
            checkServer: ExtAuthzServer(), report: { Terminal.log($0) },
            record: { recordings.append($0) }, wantKeys: { wanted.yield($0) },
            handed: handover?.sockets ?? [])
        let keeper = IdentityKeeper(proxy: proxy) { Terminal.log($0) }
        Task {
            for await name in wants { Task { await keeper.wanted(name) } }
        }
        let builtIn = try await startBuiltIn()
        let controller = Controller(
            own: place.ports,
            files: file.isEmpty ? nil : ConfigurationFiles(paths: file),
            fixed: file.isEmpty ? try zeroConfiguration(builtIn) : [],
            stateDirectory: stateDir, takesOver: handover != nil, proxy: proxy,
            recordings: recordings, keeper: keeper, report: Self.report)
        do {
            try await controller.start()
        } catch {
            for line in error.lines { Terminal.err(line) }
            Terminal.err("nothing was started: \(Terminal.count(error.lines.count, "problem"))")
            throw Terminal.wrongConfiguration
        }
        if let handover { await proxy.take(await handover.loaded()) }
        Process.onHangup { Task { await controller.reload(always: true) } }
        let upgrader = Upgrader(proxy, program: program)
        Process.onUpgrade {
            Task {
                do { _ = try await upgrader.upgrade() } catch { Terminal.log("\(error)") }
            }
        }
        let pages = AdminPages(
            proxy: proxy, controller: controller, keeper: keeper, startedAt: started,
            upgrader: upgrader)
        let server = try await serveAdmin(pages, place, token, handover)
        let took = (LiveWorld.now() - started).rawValue / 1_000_000
        let shown = place.shown(port: server.port)
        Terminal.log(
            "ready after \(took) ms, admin on \(place.isPrivate ? "" : "http://")\(shown)")
        let snapshot = await proxy.snapshot
        for line in Hints.listening(snapshot) { Terminal.log(line) }
        if hints || file.isEmpty {
            Terminal.err(Hints.text(snapshot, admin: shown))
        }

        await proxy.beginAccepting()
        await upgrader.allow(admin: server.descriptor)
        await handover?.ready()
        ServiceNotice.ready()
        Process.forgetStart()
        await untilEnd(requestsToStop, proxy, controller, pages, server, upgrader)
        await builtIn?.stop()
        wanted.finish()
        await keeper.stop()
        recordings.finish()
        Terminal.log("stopped")
    }

    private func serveAdmin(
        _ pages: AdminPages, _ place: AdminPlace, _ token: Secret<[UInt8]>?, _ handover: Handover?
    ) async throws -> AdminServer {
        do {
            let gatekeeper = AdminGuard(token: token, isPrivate: place.isPrivate)
            return try await AdminServer.start(
                at: place, handed: handover?.admin, gatekeeper: gatekeeper
            ) {
                await pages.answer($0)
            }
        } catch {
            Terminal.err(
                "cannot listen on \(admin): \(error); choose another place with --admin")
            throw ExitCode.failure
        }
    }

    /// Serves until the process is told to stop, or another one serves in its place.
    private func untilEnd(
        _ requestsToStop: AsyncStream<Void>, _ proxy: Proxy, _ controller: Controller,
        _ pages: AdminPages, _ server: AdminServer, _ upgrader: Upgrader
    ) async {
        Task { for await _ in requestsToStop { upgrader.stop() } }
        if await upgrader.end() == .replaced {
            await leave(proxy, controller, pages, server, upgrader)
        } else {
            ServiceNotice.stopping()
            await stop(proxy, controller, pages, server)
        }
    }

    private func stop(
        _ proxy: Proxy, _ controller: Controller, _ pages: AdminPages, _ server: AdminServer
    ) async {
        let timeout = await proxy.snapshot.drainTimeout
        Terminal.log("stopping: running requests have \(Int(timeout.seconds)) s to end")
        await pages.stopping()
        await controller.stop()
        await controller.finishRollouts()
        let isClean = await proxy.drain(timeout: timeout)
        if !isClean { Terminal.log("some requests were cut off at the deadline") }
        await server.stop()
    }

    /// Ends after another process took over: what runs may go on for long.
    private func leave(
        _ proxy: Proxy, _ controller: Controller, _ pages: AdminPages, _ server: AdminServer,
        _ upgrader: Upgrader
    ) async {
        let (timeout, least) = await (proxy.snapshot.upgradeTimeout, proxy.snapshot.drainTimeout)
        Terminal.log("replaced: running requests have \(Int(timeout.seconds)) s to end")
        await pages.stopping()
        await controller.stop()
        await controller.releaseRollouts()
        await server.leave()
        let impatience = Task {
            guard await upgrader.end() == .stopped, !Task.isCancelled else { return }
            await proxy.hurry(timeout: least)
        }
        let isClean = await proxy.drain(timeout: timeout, sparesIdle: true)
        impatience.cancel()
        if !isClean { Terminal.log("some requests were cut off at the deadline") }
        await server.stop(keepsPath: true)
    }

    private static func report(_ event: Controller.Event) {
        switch event {
        case .published(let version, let warnings):
            for warning in warnings { Terminal.log("\(warning)") }
            Terminal.log("snapshot \(version) is in use")
        case .rejected(let lines):
            for line in lines { Terminal.log(line) }
            Terminal.log("the change was refused; the configuration before it goes on serving")
        case .rollout(let line): Terminal.log(line)
        case .unresolved(let name):
            Terminal.log("warning: the name \(name) does not resolve; check it or the resolver")
        }
    }

    // MARK: Without files

    private var provider: (url: String?, hasKey: Bool) {
        (
            Process.environment("OPENAI_BASE_URL"),
            Process.environment("OPENAI_API_KEY") != nil
        )
    }

    private func startBuiltIn() async throws -> BuiltInServer? {
        guard file.isEmpty, provider.url == nil, !provider.hasKey else { return nil }
        return try await BuiltInServer.start()
    }

    private func zeroConfiguration(_ builtIn: BuiltInServer?) throws -> [SourceFile] {
        let place = try SocketPlace(listen, option: "--listen")
        return ZeroConfig.resources(
            baseURL: provider.url, hasAPIKey: provider.hasKey,
            builtIn: builtIn.map {
                .init(address: "127.0.0.1", port: $0.port, models: BuiltInServer.models)
            },
            address: place.address, port: place.port)
    }
}

/// The simulated model server that runs inside `pinion up` when nothing else is named.
struct BuiltInServer: Sendable {
    /// What it serves.
    static let models = ["pinion-small"]

    private let server: ModelServer
    private let group: MultiThreadedEventLoopGroup

    /// The port that the kernel chose.
    var port: Int { server.port }

    static func start() async throws -> BuiltInServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var options = ModelServerOptions()
        options.models = models
        let server = try await ModelServer.start(options, group: group)
        return BuiltInServer(server: server, group: group)
    }

    func stop() async {
        await server.stop()
        try? await group.shutdownGracefully()
    }
}

/// `ADDRESS:PORT` of the command line.
struct SocketPlace {
    let address: String
    let port: Int

    /// Reads the value of `option`.
    init(_ text: String, option: String) throws {
        guard let colon = text.lastIndex(of: ":"),
            let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port)
        else {
            throw ValidationError("\(option) \(text): write ADDRESS:PORT, as in 127.0.0.1:15000")
        }
        let address = text[..<colon].trimmingCharacters(in: ["[", "]"])
        self.address = address.isEmpty ? "127.0.0.1" : address
        self.port = port
    }
}

extension AdminPlace {
    /// Reads the value of `option`: `ADDRESS:PORT` or `unix:PATH`.
    init(_ text: String, option: String) throws {
        guard text.hasPrefix("unix:") else {
            let place = try SocketPlace(text, option: option)
            self = .port(address: place.address, port: place.port)
            return
        }
        let path = String(text.dropFirst(5))
        guard !path.isEmpty, path.utf8.count < 100 else {
            throw ValidationError("\(option) \(text): write unix:PATH, at most 99 bytes of path")
        }
        self = .socket(path: path)
    }

    /// Whether it is a Unix socket.
    var isPrivate: Bool { if case .socket = self { true } else { false } }

    /// Where this process listens, for loops to be found.
    var ports: [(address: String, port: UInt16)] {
        if case .port(let address, let port) = self { [(address, UInt16(port))] } else { [] }
    }

    /// The place, with the port that the kernel chose.
    func shown(port: Int) -> String {
        if case .port(let address, _) = self { "\(address):\(port)" } else { text }
    }
}

/// The token of the admin port.
enum AdminToken {
    /// What the server asks for, or nil for nothing.
    ///
    /// **Errors** a file that cannot be read, a token too short to be one, and no token where
    /// other machines can reach `place`.
    static func forServer(_ file: String?, at place: AdminPlace) throws -> Secret<[UInt8]>? {
        let found = file.map { Credentials.read(.file($0)) } ?? Credentials.read(variable)
        if let file, found == nil {
            Terminal.err("--admin-token-file \(file): cannot be read, or is no single line of text")
            throw ExitCode.failure
        }
        if let found, found.reveal().count < 16 {
            Terminal.err("the admin token is shorter than 16 bytes: write one nobody can guess")
            throw ExitCode.failure
        }
        guard found != nil || place.isLocal else {
            Terminal.err(
                "--admin \(place.text): other machines can reach it, so it needs a token: name a "
                    + "file with --admin-token-file, or listen on 127.0.0.1 or unix:PATH")
            throw ExitCode.failure
        }
        return found
    }

    /// What commands send, or nil.
    static var forClient: Secret<[UInt8]>? { Credentials.read(variable) }

    private static let variable = Credential.Source.environment("PINION_ADMIN_TOKEN")
}

/// Reads what resources only refer to.
enum Credentials {
    /// The value of a credential; nil when there is none.
    @Sendable
    static func read(_ source: Credential.Source) -> Secret<[UInt8]>? {
        switch source {
        case .environment(let name):
            Process.environment(name).flatMap { Credential.usable(Secret(Array($0.utf8))) }
        case .file(let path): readFile(path)
        case .secret: nil
        }
    }

    private static func readFile(_ path: String) -> Secret<[UInt8]>? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        return Credential.usable(Secret(Array(data.prefix(64 * 1024))))
    }
}
