// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshCompiler
package import MeshModel
package import MeshProxy
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

    private let files: ConfigurationFiles?
    private let proxy: Proxy
    private let report: @Sendable (Event) -> Void
    private var sources: [SourceFile]
    private var resources = ResourceSet()
    private var resolved: [String: [String]] = [:]
    private var refreshers: [DNSName: Task<Void, Never>] = [:]
    private var watcher: FolderWatcher?
    private var watching: Task<Void, Never>?
    private var version: UInt64 = 0
    /// How the controller stands.
    package private(set) var status = Status()

    /// A controller of `proxy` for a configuration in files, or, without any, for the `fixed`
    /// texts.
    package init(
        files: ConfigurationFiles?, fixed: [SourceFile], proxy: Proxy,
        report: @escaping @Sendable (Event) -> Void
    ) {
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
        resources = parsed
        await resolveFirst(compile().names)
        let compilation = compile()
        let all = Self.sorted(problems, compilation.diagnostics)
        guard let snapshot = compilation.snapshot, !Self.hasErrors(all) else {
            throw StartFailure(lines: all.map(\.description))
        }
        do {
            try await proxy.publish(snapshot)
        } catch {
            throw StartFailure(lines: ["\(error)"])
        }
        published(snapshot, warnings: all)
        follow(compilation.names)
        watch()
    }

    /// Why a configuration could not be taken into use.
    package struct StartFailure: Error, Sendable {
        /// One problem each.
        package let lines: [String]
    }

    /// Reads the files again and takes the change into use, if there is one.
    package func reload() async {
        guard let files else { return }
        let next: [SourceFile]
        do {
            next = try files.read()
        } catch {
            reject([error.description])
            return
        }
        guard next != sources else { return }
        sources = next
        let (parsed, problems) = parse(next)
        let before = resources
        resources = parsed
        var compilation = compile()
        let unknown = compilation.names.filter { resolved[$0.hostname] == nil }
        if !unknown.isEmpty, compilation.snapshot != nil {
            await resolveFirst(unknown)
            compilation = compile()
        }
        let all = Self.sorted(problems, compilation.diagnostics)
        guard let snapshot = compilation.snapshot, !Self.hasErrors(all) else {
            resources = before
            reject(all.map(\.description))
            return
        }
        do {
            try await proxy.publish(snapshot)
        } catch {
            resources = before
            reject(["\(error)"])
            return
        }
        published(snapshot, warnings: all)
        follow(compilation.names)
    }

    /// Stops watching files and names.
    package func stop() {
        watcher?.cancel()
        watching?.cancel()
        for task in refreshers.values { task.cancel() }
        refreshers = [:]
    }

    /// Compiles what is known now, for the version after the present one.
    private func compile() -> Compilation {
        let names = resolved.map { ResolvedNames.Entry(hostname: $0.key, addresses: $0.value) }
        return Compiler.compile(resources, resolved: ResolvedNames(names), version: version + 1)
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

    /// Resolves names that nothing is known of, waiting no longer than two seconds.
    private func resolveFirst(_ names: [DNSName]) async {
        guard !names.isEmpty else { return }
        let hostnames = names.map(\.hostname)
        let found = await withTaskGroup(of: (String, [String]?)?.self) { group in
            for hostname in hostnames {
                group.addTask { (hostname, await NameResolver.addresses(of: hostname)) }
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(2))
                return nil
            }
            var found: [String: [String]] = [:]
            var left = hostnames.count
            while left > 0, let next = await group.next() {
                guard let (hostname, addresses) = next else { break }
                left -= 1
                found[hostname] = addresses
            }
            group.cancelAll()
            return found
        }
        for hostname in hostnames {
            if let addresses = found[hostname] {
                resolved[hostname] = addresses
            } else {
                report(.unresolved(hostname))
            }
        }
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
                    let pause = Duration.nanoseconds(max(name.refresh.rawValue, 1_000_000_000))
                    try? await Task.sleep(for: pause)
                    if Task.isCancelled { return }
                    let found = await NameResolver.addresses(of: name.hostname)
                    await self?.refreshed(name.hostname, found)
                }
            }
        }
    }

    private func refreshed(_ hostname: String, _ addresses: [String]?) async {
        guard let addresses else {
            report(.unresolved(hostname))
            return
        }
        guard resolved[hostname] != addresses else { return }
        resolved[hostname] = addresses
        guard let snapshot = compile().snapshot else { return }
        do {
            try await proxy.publish(snapshot)
            published(snapshot, warnings: [])
        } catch {
            reject(["\(error)"])
        }
    }

    // MARK: Reports

    private func published(_ snapshot: Snapshot, warnings: [Diagnostic]) {
        version = snapshot.version
        status.publishedAt = WallTime(
            nanoseconds: Int64(LiveWorld.now().nanoseconds) + LiveWorld.wallOffset())
        status.lastErrors = []
        report(.published(version: snapshot.version, warnings: warnings))
    }

    private func reject(_ lines: [String]) {
        status.rejected += 1
        status.lastErrors = lines
        report(.rejected(lines))
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
