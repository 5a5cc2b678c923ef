// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import MeshAdmin
import MeshBasics
import MeshIdentity
import MeshProxy

/// `pinion key`
struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Make, list and revoke API keys.",
        discussion: """
            Keys live, hashed, in the file that an IdentityProvider names with apiKeys.file. A
            running pinion takes a change within 100 ms, without a restart. The file is asked from
            it, or named with --file.
            """,
        subcommands: [Create.self, List.self, Revoke.self])

    /// Which file is meant.
    struct Place: ParsableArguments {
        @Option(help: "The file of keys; absent for that of the running pinion.")
        var file: String?

        @Option(help: "The IdentityProvider, when the running pinion has several with API keys.")
        var provider: String?

        @Option(help: "Where the running pinion serves its admin port: ADDRESS:PORT or unix:PATH.")
        var admin = "127.0.0.1:15000"

        /// The file.
        func keyFile() throws -> KeyFile {
            if let file { return KeyFile(path: file) }
            let listing: String
            do {
                listing = try AdminClient.get(
                    "/get/identity/json", from: AdminPlace(admin, option: "--admin"))
            } catch let failure as AdminClient.Failure {
                Terminal.err(failure.description + ", or the file of keys with --file")
                throw ExitCode.failure
            }
            let rows = try JSONDecoder().decode([Row].self, from: Data(listing.utf8))
                .filter { $0.kind == "apiKeys" }
                .filter { row in
                    provider.map { row.provider == $0 || row.provider.hasSuffix("/\($0)") } ?? true
                }
            guard let first = rows.first else {
                Terminal.err(
                    "the running pinion has no IdentityProvider with API keys"
                        + (provider.map { " called \($0)" } ?? "")
                        + "; add one with apiKeys.file")
                throw ExitCode.failure
            }
            guard rows.allSatisfy({ $0.source == first.source }) else {
                let names = rows.map(\.provider).joined(separator: ", ")
                Terminal.err(
                    "several IdentityProviders have API keys: name one of \(names) "
                        + "with --provider")
                throw ExitCode.failure
            }
            return KeyFile(path: first.source)
        }

        private struct Row: Decodable {
            var provider: String
            var kind: String
            var source: String
        }
    }

    /// `pinion key create`
    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key and print it, this once.")

        @Option(help: "Whose it is: a person, a team, a service.")
        var owner: String

        @Option(
            name: .customLong("scope"),
            help: "What it may be used for; may be repeated. Rules read it as source.key.scopes.")
        var scopes: [String] = []

        @Option(help: "How long it is valid: 90d, 12h; absent for always.")
        var expiresIn: String?

        @OptionGroup var place: Place

        func validate() throws {
            let isPlain = ([owner] + scopes).allSatisfy { text in
                !text.isEmpty && text.utf8.count <= Limits.subjectBytesMax
                    && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
            }
            if !isPlain || scopes.count > Limits.scopesMax {
                throw ValidationError(
                    "--owner and --scope take 1 to \(Limits.subjectBytesMax) bytes of plain text, "
                        + "and there are at most \(Limits.scopesMax) scopes")
            }
            if let expiresIn, Self.seconds(expiresIn) == nil {
                throw ValidationError(
                    "--expires-in \(expiresIn): write a number and a unit: 90d, 12h, 30m")
            }
        }

        func run() throws {
            let file = try place.keyFile()
            let now = KeyCommand.now
            let expires = expiresIn.flatMap(Self.seconds).map { now + $0 }
            var random = SystemRandomNumberGenerator()
            let seed = (0..<APIKey.seedBytes).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let (key, text) = APIKey.make(
                owner: owner, scopes: scopes, created: now, expires: expires, seed: seed)
            do {
                try file.change { (keys) throws(KeyFile.Failure) in
                    guard keys.count < Limits.apiKeysMax else {
                        throw KeyFile.Failure(
                            description: "\(file.path): there are \(keys.count) keys already")
                    }
                    keys.append(key)
                }
            } catch {
                Terminal.err("\(error)")
                throw ExitCode.failure
            }
            Terminal.out(text.reveal())
            Terminal.err("key \(key.id) of \(owner); it is shown this once and kept nowhere")
        }

        /// The length of time that `text` says, in seconds.
        static func seconds(_ text: String) -> Int64? {
            let units: [Character: Int64] = ["d": 86_400, "h": 3_600, "m": 60, "s": 1]
            guard let last = text.last, let unit = units[last],
                let count = Int64(text.dropLast()), (1...100_000).contains(count)
            else { return nil }
            return count * unit
        }
    }

    /// `pinion key list`
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show all keys, without anything that could be used as one.")

        @Option(name: .shortAndLong, help: "text, json or yaml.")
        var output = OutputFormat.text

        @OptionGroup var place: Place

        func run() throws {
            do {
                let rows = try place.keyFile().read().map { key in
                    [
                        ("id", Cell.text(key.id)), ("owner", .text(key.owner)),
                        ("scopes", .text(key.scopes.joined(separator: ","))),
                        ("state", .text(Self.state(of: key))),
                        ("created", .text(Self.time(key.created))),
                        ("expires", .text(key.expires.map(Self.time) ?? "")),
                    ]
                }
                Terminal.out(Table.rendered(rows, as: output))
            } catch let failure as KeyFile.Failure {
                Terminal.err("\(failure)")
                throw ExitCode.failure
            }
        }

        private static func state(of key: APIKey) -> String {
            do throws(APIKey.Fault) {
                try key.check(at: WallTime(nanoseconds: KeyCommand.now * 1_000_000_000))
                return "active"
            } catch {
                return error.label
            }
        }

        private static func time(_ seconds: Int64) -> String {
            var text: [UInt8] = []
            WallTime(nanoseconds: seconds * 1_000_000_000).appendRFC3339(to: &text)
            return String(decoding: text.prefix(19), as: UTF8.self) + "Z"
        }
    }

    /// `pinion key revoke`
    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make keys void, for good.")

        @Argument(help: "The ids of the keys, as list shows them.")
        var ids: [String]

        @OptionGroup var place: Place

        func run() throws {
            do {
                let file = try place.keyFile()
                let owners = try file.change { (keys) throws(KeyFile.Failure) -> [String] in
                    var owners: [String] = []
                    for id in ids {
                        // Whoever pastes a whole key has leaked it: it is revoked all the same.
                        let name =
                            id.hasPrefix(APIKey.prefix) ? id.dropFirst(7).prefix(12) : id[...]
                        guard let index = keys.firstIndex(where: { $0.id == name }) else {
                            throw KeyFile.Failure(
                                description:
                                    "\(file.path): there is no key \(name.prefix(12)); see "
                                    + "`pinion key list`")
                        }
                        if keys[index].revoked == nil { keys[index].revoked = KeyCommand.now }
                        owners.append("\(keys[index].id) of \(keys[index].owner)")
                    }
                    return owners
                }
                for owner in owners { Terminal.err("revoked \(owner)") }
            } catch let failure as KeyFile.Failure {
                Terminal.err("\(failure)")
                throw ExitCode.failure
            }
        }
    }

    /// Seconds since 1970.
    fileprivate static var now: Int64 {
        (Int64(truncatingIfNeeded: LiveWorld.now().nanoseconds) + LiveWorld.wallOffset())
            / 1_000_000_000
    }
}
