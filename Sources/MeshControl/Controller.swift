// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshCompiler
package import MeshModel
package import MeshProxy
import MeshRollout
import MeshSnapshot

/// Keeps a proxy's snapshot equal to what is written in files and what names resolve to.
///
/// A change that does not compile changes nothing: its diagnostics are reported, a counter rises,
/// and the snapshot that serves goes on serving.
package actor Controller {
    /// What the controller tells an operator.
    package enum Event: Sendable {
        /// A snapshot is in use; `warnings` came with it.
        case published(version: UInt64, warnings: [Diagnostic])
        /// A change was refused; the lines say why.
        case rejected([String])
        /// A name does not resolve; the addresses known before stay in use.
        case unresolved(String)
        /// Something about rollouts: a change of one, or what is wrong with their folder.
        case rollout(String)
    }

    /// How the controller stands.
    package struct Status: Sendable {
        /// Changes refused since the start.
        package var rejected: UInt64 = 0
        /// When a snapshot was last taken into use.
        package var publishedAt: WallTime?
        /// Why the last change was refused; empty when it was not.
        package var lastErrors: [String] = []
    }

    private let own: [(address: String, port: UInt16)]
    let turns = Turns()
    private let files: ConfigurationFiles?
    let proxy: Proxy
    let report: @Sendable (Event) -> Void
    private let recordings: RecordingWriter
    private let keeper: IdentityKeeper
    /// The last configurations that were in use, the present one last.
    package private(set) var configurations: [RecordedConfiguration] = []
    private var sources: [SourceFile]
    /// The sources of the snapshot in use.
    private var sourcesInUse: [SourceFile] = []
    private(set) var resources = ResourceSet()
    private var resolved: [String: [String]] = [:]
    /// What stands in files with evidence, and which files they are.
    private var evidence = EvidenceFiles()
    private var evidencePaths: [String] = []
    private var evidenceWatcher: FolderWatcher?
    private var evidenceWatching: Task<Void, Never>?
    var certificatePaths: [String] = []
    var certificateWatcher: FolderWatcher?
    var certificateWatching: Task<Void, Never>?
    /// What was wrong with the files in use, beside what compiling finds.
    private var problemsInUse: [Diagnostic] = []
    /// How rollouts stand, where that is kept, and who moves them on.
    var rollouts = RolloutBook()
    var rolloutFolder: RolloutFolder?
    var rolloutTask: Task<Void, Never>?
    /// The last state of each rollout that was kept, and why one could not be.
    var keptRollouts: [String: RolloutState] = [:]
    var rolloutFault: String?
    var rolloutsKeptAt = Instant(nanoseconds: 0)
    /// How often the state of a rollout could not be read or kept.
    package var rolloutFailures: UInt64 = 0
    /// `--state-dir`.
    let stateDirectory: String?
    /// Whether a process that this one takes over from may own the folder still.
    var awaitsRollouts: Bool
    private var refreshers: [DNSName: Task<Void, Never>] = [:]
    private var watcher: FolderWatcher?
    private var watching: Task<Void, Never>?
    private var version: UInt64 = 0
    /// How the controller stands.
    package private(set) var status = Status()

    /// A controller of `proxy` for a configuration in files, or, without any, for the `fixed`
    /// texts.
    ///
    /// **Shape** `own` are the places where this process listens for other things than traffic;
    /// nothing is ever forwarded there. `stateDirectory` goes before that of the configuration.
    /// `takesOver` says that another process serves still, whose rollouts go on here.
    package init(
        own: [(address: String, port: UInt16)], files: ConfigurationFiles?, fixed: [SourceFile],
        stateDirectory: String? = nil, takesOver: Bool = false,
        proxy: Proxy, recordings: RecordingWriter, keeper: IdentityKeeper,
        report: @escaping @Sendable (Event) -> Void
    ) {
        self.keeper = keeper
        self.stateDirectory = stateDirectory
        awaitsRollouts = takesOver
        self.recordings = recordings
        self.own = own
        self.files = files
        self.proxy = proxy
        self.report = report
        sources = fixed
    }

    /// Takes the configuration into use for the first time.
    ///
    /// **Errors** every problem, one line each; nothing listens then.
    package func start() async throws(StartFailure) {
        if let files {
            do {
                sources = try files.read()
            } catch {
                throw StartFailure(lines: [error.description])
            }
            watcher = FolderWatcher(folders: files.watchedFolders)
        }
        let (parsed, problems) = parse(sources)
        do {
            try await take(parsed, problems)
        } catch {
            throw StartFailure(lines: error.lines)
        }
        watch()
    }

    /// Why a configuration could not be taken into use.
    package struct StartFailure: Error, Sendable {
        /// One problem each.
        package let lines: [String]
    }

    /// Reads the files again and takes the change into use. Without a change nothing happens,
    /// unless `always`: then credentials and authorities are read again too.
    package func reload(always: Bool = false) async {
        guard let files else { return }
        await turns.take()
        defer { turns.pass() }
        let next: [SourceFile]
        do {
            next = try files.read()
        } catch {
            if status.lastErrors != [error.description] { reject([error.description]) }
            return
        }
        guard always || next != sources else {
            await renewCertificates()
            return await renewEvidence()
        }
        sources = next
        let (parsed, problems) = parse(next)
        do {
            try await take(parsed, problems)
        } catch {
            reject(error.lines)
        }
    }

    /// Compiles and publishes `next`; keeps what was there when that fails.
    private func take(
        _ next: ResourceSet, _ problems: [Diagnostic]
    ) async throws(StartFailure) {
        var compilation = compile(next)
        let unknown = compilation.names.filter { resolved[$0.hostname] == nil }
        if !unknown.isEmpty, compilation.snapshot != nil {
            await resolveFirst(unknown)
            compilation = compile(next)
        }
        let formerEvidence = evidence
        evidence = EvidenceReader.read(compilation.files)
        if !compilation.files.isEmpty { compilation = compile(next) }
        let formerRollouts = rollouts
        var isTaken = false
        defer { if !isTaken { rollouts = formerRollouts } }
        var adopted = RolloutAdoption(folder: rolloutFolder)
        if let snapshot = compilation.snapshot, !Self.hasErrors(problems) {
            adopted = try await adoptRollouts(snapshot.rollouts)
            if rollouts.shares != formerRollouts.shares { compilation = compile(next) }
        }
        let all = Self.sorted(problems, compilation.diagnostics)
        guard let snapshot = compilation.snapshot, !Self.hasErrors(all) else {
            evidence = formerEvidence
            throw StartFailure(lines: all.map(\.description))
        }
        if let loop = ownEndpoint(in: snapshot) { throw StartFailure(lines: [loop]) }
        let former = sourcesInUse
        sourcesInUse = sources
        try await keeper.prepare(snapshot)
        do {
            try await publish(snapshot, compilation.secrets)
        } catch {
            sourcesInUse = former
            evidence = formerEvidence
            throw StartFailure(lines: ["\(error)"])
        }
        isTaken = true
        resources = next
        problemsInUse = problems
        status.lastErrors = []
        published(snapshot, warnings: all)
        follow(adopted)
        follow(compilation.names)
        watchEvidence(compilation.files)
        watchCertificates(snapshot.certificateFiles)
    }

    /// Takes evidence into use that has changed while the configuration has not.
    private func renewEvidence() async {
        guard !evidencePaths.isEmpty else { return }
        let next = EvidenceReader.read(evidencePaths)
        guard next != evidence else { return }
        evidence = next
        let compilation = compile(resources)
        guard let snapshot = compilation.snapshot else { return }
        do {
            try await publish(snapshot, compilation.secrets)
            published(snapshot, warnings: Self.sorted(problemsInUse, compilation.diagnostics))
        } catch {
            reject(["\(error)"])
        }
    }

    /// Watches the folders of evidence files at `paths`.
    private func watchEvidence(_ paths: [String]) {
        guard paths != evidencePaths else { return }
        evidencePaths = paths
        evidenceWatcher?.cancel()
        evidenceWatching?.cancel()
        evidenceWatcher =
            paths.isEmpty ? nil : FolderWatcher(folders: EvidenceReader.folders(of: paths))
        guard let watcher = evidenceWatcher else { return }
        evidenceWatching = Task { [weak self] in
            for await _ in watcher.changes {
                try? await Task.sleep(for: .milliseconds(10))
                await self?.reload()
            }
        }
    }

    /// Hands `snapshot` to the proxy. Recordings may name its version from then on, so that what
    /// it was made from is kept before.
    func publish(_ snapshot: Snapshot, _ secrets: SecretValues) async throws {
        let former = configurations
        configurations.append(
            RecordedConfiguration(
                version: snapshot.version, sources: sourcesInUse, names: resolvedNames,
                evidence: evidence, shares: rollouts.shares))
        configurations.removeFirst(max(0, configurations.count - Self.configurationsMax))
        recordings.use(snapshot.telemetry.recording, configurations)
        do {
            try await proxy.publish(snapshot) { secrets.value($1, of: $0) }
        } catch {
            configurations = former
            throw error
        }
        await keeper.use(snapshot)
    }

    /// Configurations that are remembered: one that is older has hardly an exchange left.
    private static let configurationsMax = 16

    /// What is wrong when an endpoint is this very process: requests would go round for ever, or
    /// reach what only this machine may see.
    private func ownEndpoint(in snapshot: Snapshot) -> String? {
        let listened = snapshot.ports.map { (address: $0.address, port: $0.number) } + own
        for endpoint in snapshot.endpoints {
            let isLoopback = endpoint.address == "::1" || endpoint.address.hasPrefix("127.")
            for place in listened where place.port == endpoint.port {
                let isAny = place.address == "0.0.0.0" || place.address == "::"
                guard place.address == endpoint.address || (isAny && isLoopback) else { continue }
                let name = snapshot.backends[Int(endpoint.backend)].name
                return "Backend \(name): \(endpoint.authority) is where this pinion itself "
                    + "listens; name the server that should get the requests"
            }
        }
        return nil
    }

    /// Stops watching files and names.
    package func stop() {
        watcher?.cancel()
        watching?.cancel()
        evidenceWatcher?.cancel()
        evidenceWatching?.cancel()
        certificateWatcher?.cancel()
        certificateWatching?.cancel()
        for task in refreshers.values { task.cancel() }
        refreshers = [:]
        stopRollouts()
    }

    /// Compiles what is known now, for the version after the present one.
    func compile(_ resources: ResourceSet) -> Compilation {
        Compiler.compile(
            resources, resolved: resolvedNames, evidence: evidence, shares: rollouts.shares,
            version: version + 1)
    }

    private var resolvedNames: ResolvedNames {
        ResolvedNames(
            resolved.map { ResolvedNames.Entry(hostname: $0.key, addresses: $0.value) })
    }

    private func watch() {
        guard let watcher else { return }
        watching = Task { [weak self] in
            for await _ in watcher.changes {
                // Editors and `cp` of several files make bursts; a few milliseconds gather them.
                try? await Task.sleep(for: .milliseconds(10))
                await self?.reload()
            }
        }
    }

    // MARK: Names

    /// Resolves names that nothing is known of, waiting no longer than two seconds; what comes
    /// later is used when it comes.
    private func resolveFirst(_ names: [DNSName]) async {
        let (answers, continuation) = AsyncStream.makeStream(of: (String, [String]?)?.self)
        for name in names {
            let hostname = name.hostname
            Task {
                let addresses = await NameResolver.addresses(of: hostname)
                continuation.yield((hostname, addresses))
            }
        }
        Task {
            try? await Task.sleep(for: .seconds(2))
            continuation.yield(nil)
        }
        var waiting = Set(names.map(\.hostname))
        for await answer in answers {
            guard let (hostname, addresses) = answer else { break }
            waiting.remove(hostname)
            if let addresses {
                resolved[hostname] = addresses
            } else {
                report(.unresolved(hostname))
            }
            if waiting.isEmpty { break }
        }
        for hostname in waiting.sorted() { report(.unresolved(hostname)) }
    }

    /// Resolves each name again and again.
    private func follow(_ names: [DNSName]) {
        for (name, task) in refreshers where !names.contains(name) {
            task.cancel()
            refreshers[name] = nil
        }
        for name in names where refreshers[name] == nil {
            refreshers[name] = Task { [weak self] in
                while !Task.isCancelled {
                    // A name that nothing is known of is asked for more often.
                    let isKnown = await self?.isResolved(name.hostname) ?? true
                    let refresh = max(name.refresh.rawValue, 1_000_000_000)
                    let pause = isKnown ? refresh : min(refresh, 2_000_000_000)
                    try? await Task.sleep(for: .nanoseconds(pause))
                    if Task.isCancelled { return }
                    let found = await NameResolver.addresses(of: name.hostname)
                    await self?.refreshed(name.hostname, found)
                }
            }
        }
    }

    private func isResolved(_ hostname: String) -> Bool { resolved[hostname] != nil }

    private func refreshed(_ hostname: String, _ addresses: [String]?) async {
        guard let addresses else {
            report(.unresolved(hostname))
            return
        }
        await turns.take()
        defer { turns.pass() }
        guard resolved[hostname] != addresses else { return }
        resolved[hostname] = addresses
        let compilation = compile(resources)
        guard let snapshot = compilation.snapshot else { return }
        if let loop = ownEndpoint(in: snapshot) {
            reject([loop])
            return
        }
        do {
            try await publish(snapshot, compilation.secrets)
            published(snapshot, warnings: [])
        } catch {
            reject(["\(error)"])
        }
    }

    // MARK: Reports

    func published(_ snapshot: Snapshot, warnings: [Diagnostic]) {
        version = snapshot.version
        status.publishedAt = wall
        report(.published(version: snapshot.version, warnings: warnings))
    }

    func reject(_ lines: [String]) {
        status.rejected += 1
        status.lastErrors = lines
        report(.rejected(lines))
    }

    /// The time on the calendar.
    var wall: WallTime {
        WallTime(nanoseconds: Int64(LiveWorld.now().nanoseconds) + LiveWorld.wallOffset())
    }

    private static func hasErrors(_ diagnostics: [Diagnostic]) -> Bool {
        diagnostics.contains { $0.severity == .error }
    }

    /// All problems once, in the order of their places.
    package static func sorted(_ a: [Diagnostic], _ b: [Diagnostic]) -> [Diagnostic] {
        var all: [Diagnostic] = []
        for diagnostic in (a + b).sorted(by: <) where !all.contains(diagnostic) {
            all.append(diagnostic)
        }
        return all
    }
}

/// Lets one change of the configuration after another go through: an actor alone would let a
/// second one begin while the first waits.
final class Turns {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// Waits for the turn.
    func take() async {
        if !isTaken {
            isTaken = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    /// Gives the turn to whoever waits longest.
    func pass() {
        if waiting.isEmpty {
            isTaken = false
        } else {
            waiting.removeFirst().resume()
        }
    }
}
