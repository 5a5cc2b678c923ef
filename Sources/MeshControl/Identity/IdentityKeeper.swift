// SPDX-License-Identifier: Apache-2.0

import Foundation
package import MeshBasics
import MeshExchange
import MeshIdentity
package import MeshProxy
package import MeshSnapshot

/// Keeps what IdentityProviders judge with equal to files and to what issuers publish, and
/// credentials equal to the files that hold them.
///
/// ```
///  files ──watch──> read ──┐
///                          ├──> every shard (no new snapshot)
///  issuers ──every 5m────> fetch ──┘
///          └─ on an unknown key, at most twice a minute
/// ```
///
/// An issuer that cannot be reached changes nothing until its keys are older than `maxStale`; a
/// file that cannot be read any more changes nothing at all. Both are told.
package actor IdentityKeeper {
    /// How the material of one or more providers stands.
    package struct Status: Sendable {
        /// What it is called.
        package var name: String
        /// Usable keys, or API keys.
        package var count: Int
        /// When it was last read or fetched well.
        package var freshAt: Instant?
        /// Why the last attempt failed; empty when it did not.
        package var problem: String
    }

    private struct Held {
        var source: Source
        var count = 0
        var freshAt: Instant?
        var problem = ""
        /// What was last taken from a file.
        var bytes: [UInt8]?
        /// Fetches again and again.
        var task: Task<Void, Never>?
        /// Whether a fetch is under way.
        var isFetching = false
        /// When a fetch was last asked for by a request.
        var askedAt: Instant?
    }

    private enum Source: Hashable {
        case keyFile(String)
        case apiKeyFile(String)
        case remote(KeySource)
    }

    private let proxy: Proxy
    private let report: @Sendable (String) -> Void
    private let web = WebClient()
    private var held: [String: Held] = [:]
    private var watcher: FolderWatcher?
    private var watched: [String] = []
    private var watching: Task<Void, Never>?

    /// A keeper for `proxy`; `report` gets what an operator should read.
    package init(proxy: Proxy, report: @escaping @Sendable (String) -> Void) {
        self.proxy = proxy
        self.report = report
    }

    /// Gets ready for `snapshot`, before it is published: reads its files, begins to fetch.
    ///
    /// **Errors** each file of keys that cannot be read, one line each; nothing changes then. A
    /// file of API keys that is not there yet holds none.
    package func prepare(_ snapshot: Snapshot) async throws(Controller.StartFailure) {
        var fresh: [(String, Source, [UInt8]?, IdentityMaterial?)] = []
        var problems: [String] = []
        for provider in snapshot.identity where held[provider.material] == nil {
            if fresh.contains(where: { $0.0 == provider.material }) { continue }
            guard let source = Self.source(of: provider) else { continue }
            do throws(Problem) {
                let read = try Self.read(source)
                fresh.append((provider.material, source, read?.bytes, read?.material))
            } catch {
                problems.append("IdentityProvider/\(provider.name): \(error.message)")
            }
        }
        guard problems.isEmpty else { throw Controller.StartFailure(lines: problems) }
        for (name, source, bytes, material) in fresh {
            held[name] = Held(source: source, bytes: bytes)
            if let material { await take(material, as: name) }
            if case .remote = source { follow(name) }
        }
    }

    /// `snapshot` is in use: forgets what it does not need, and watches the files it needs.
    package func use(_ snapshot: Snapshot) {
        let names = snapshot.identity.map(\.material)
        for (name, former) in held where !names.contains(name) {
            former.task?.cancel()
            held[name] = nil
        }
        watch(snapshot)
    }

    /// A request needs the keys called `name`. They are fetched unless they were a moment ago;
    /// whoever waits goes on in the end.
    package func wanted(_ name: String) async {
        let now = LiveWorld.now()
        if let known = held[name], case .remote = known.source {
            // Without any keys every request asks; the issuer is spared that all the same.
            let pause = known.freshAt == nil ? Self.askedAgainEmpty : Self.askedAgain
            let isRecent = known.askedAt.map { now < $0 + pause } ?? false
            if known.isFetching {
                // Its end settles these requests, too.
                return
            }
            if !isRecent {
                held[name]?.askedAt = now
                await fetch(name)
                return
            }
        }
        await proxy.keysSettled(name)
    }

    /// How everything stands, by name.
    package var status: [Status] {
        held.map { name, held in
            Status(name: name, count: held.count, freshAt: held.freshAt, problem: held.problem)
        }.sorted { $0.name < $1.name }
    }

    /// Stops fetching and watching.
    package func stop() async {
        for entry in held.values { entry.task?.cancel() }
        held = [:]
        watcher?.cancel()
        watching?.cancel()
        await web.stop()
    }

    /// How soon keys are fetched again because requests name unknown ones.
    private static let askedAgain = Nanoseconds.seconds(30)
    /// The same while there are no keys at all.
    private static let askedAgainEmpty = Nanoseconds.seconds(1)

    private static func source(of provider: IdentityProvider) -> Source? {
        switch provider.method {
        case .certificates: nil
        case .apiKeys(let file): .apiKeyFile(file)
        case .tokens(_, let source):
            if case .file(let path) = source.place { .keyFile(path) } else { .remote(source) }
        }
    }

    private func take(_ material: IdentityMaterial, as name: String) async {
        switch material {
        case .keys(let set, _):
            held[name]?.count = set.keys.count
            for omission in set.omissions { report("\(name): \(omission)") }
            if set.keys.isEmpty { report("\(name): there is no usable key in it") }
        case .apiKeys(let set, _): held[name]?.count = set.keys.count
        }
        held[name]?.freshAt = LiveWorld.now()
        held[name]?.problem = ""
        await proxy.adopt(material, as: name)
    }

    private func failed(_ name: String, _ message: String) {
        guard held[name] != nil, held[name]?.problem != message else { return }
        held[name]?.problem = message
        report("\(name): \(message)")
    }

    // MARK: Files

    private struct Problem: Error { let message: String }

    /// What a file holds; nil for what is fetched.
    private static func read(
        _ source: Source
    ) throws(Problem) -> (bytes: [UInt8], material: IdentityMaterial)? {
        switch source {
        case .remote: return nil
        case .keyFile(let path):
            guard let data = FileManager.default.contents(atPath: path) else {
                throw Problem(message: "\(path) cannot be read; check the path and its permissions")
            }
            let bytes = Array(data)
            do throws(KeySet.Fault) {
                let set = try KeySet(bytes.span.bytes)
                return (bytes, .keys(set, usableUntil: .distantFuture))
            } catch {
                throw Problem(message: "\(path) is no set of keys: \(error.message)")
            }
        case .apiKeyFile(let path):
            let isThere = FileManager.default.fileExists(atPath: path)
            guard isThere else { return ([], IdentityMaterial(APIKeySet())) }
            guard let data = FileManager.default.contents(atPath: path) else {
                throw Problem(message: "\(path) cannot be read; check its permissions")
            }
            let bytes = Array(data)
            do throws(APIKeySet.Fault) {
                return (bytes, IdentityMaterial(try APIKeySet(bytes)))
            } catch {
                throw Problem(message: "\(path):\(error.line): \(error.message)")
            }
        }
    }

    /// Something in a watched folder changed.
    private func filesChanged() async {
        for name in held.keys.sorted() {
            guard let known = held[name] else { continue }
            do throws(Problem) {
                guard let read = try Self.read(known.source), read.bytes != known.bytes else {
                    continue
                }
                held[name]?.bytes = read.bytes
                await take(read.material, as: name)
            } catch {
                failed(name, "\(error.message); what was known before goes on being used")
            }
        }
        await proxy.refreshCredentials()
    }

    private func watch(_ snapshot: Snapshot) {
        var folders: [String] = []
        var files: [String] = []
        for entry in held.values {
            switch entry.source {
            case .keyFile(let path), .apiKeyFile(let path): files.append(path)
            case .remote: break
            }
        }
        for backend in snapshot.backends {
            if case .file(let path)? = backend.credential?.source { files.append(path) }
        }
        for file in files {
            let folder = (file as NSString).deletingLastPathComponent
            let shown = folder.isEmpty ? "." : folder
            if !folders.contains(shown) { folders.append(shown) }
        }
        folders.sort()
        guard folders != watched else { return }
        watched = folders
        watcher?.cancel()
        watching?.cancel()
        watching = nil
        guard !folders.isEmpty else { return }
        watcher = FolderWatcher(folders: folders)
        guard let watcher else {
            report("cannot watch \(folders.joined(separator: ", ")); SIGHUP reads files again")
            return
        }
        let changes = watcher.changes
        watching = Task { [weak self] in
            for await _ in changes { await self?.filesChanged() }
        }
    }

    // MARK: Issuers

    /// Fetches the keys called `name` again and again.
    private func follow(_ name: String) {
        held[name]?.task = Task { [weak self] in
            var failures = 0
            while !Task.isCancelled {
                guard let next = await self?.round(name, &failures) else { return }
                try? await Task.sleep(for: .nanoseconds(next.rawValue))
            }
        }
    }

    /// Fetches once, and says how long to wait for the next time; nil when nobody needs it.
    private func round(_ name: String, _ failures: inout Int) async -> Nanoseconds? {
        guard let known = held[name], case .remote(let source) = known.source else { return nil }
        await fetch(name)
        guard let after = held[name] else { return nil }
        failures = after.problem.isEmpty ? 0 : failures + 1
        if failures == 0 { return source.refresh }
        // An issuer that is away is asked more often than one that is there, and ever less.
        let pause = Nanoseconds.seconds(1 << Int64(min(failures - 1, 6)))
        return min(pause, source.refresh)
    }

    private func fetch(_ name: String) async {
        guard let known = held[name], case .remote(let source) = known.source, !known.isFetching
        else { return }
        held[name]?.isFetching = true
        do throws(KeyFetch.Failure) {
            let set = try await KeyFetch(web).keys(of: source)
            if held[name] != nil {
                let until = LiveWorld.now() + source.maxStale
                await take(.keys(set, usableUntil: until), as: name)
            }
        } catch {
            failed(name, error.message)
        }
        held[name]?.isFetching = false
        await proxy.keysSettled(name)
    }
}
