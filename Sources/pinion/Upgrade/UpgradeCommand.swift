// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import MeshAdmin

/// `pinion upgrade`
struct UpgradeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract: "Let the program that is installed now take over from a running pinion.",
        discussion: """
            The running process starts the program that stands where its own was started from, \
            with the same arguments, and hands it the listening sockets. Once the new process \
            serves, the former one accepts nothing more, finishes what runs and ends: no request \
            is lost. When the new one does not start, nothing changes. SIGUSR2 does the same.
            """)

    @Option(help: "Where the running pinion serves its admin port: ADDRESS:PORT or unix:PATH.")
    var admin = "127.0.0.1:15000"

    func run() throws {
        let place = try AdminPlace(admin, option: "--admin")
        do {
            Terminal.out(try AdminClient.ask("POST", "/upgrade", at: place))
        } catch {
            Terminal.err(error.description)
            throw ExitCode.failure
        }
    }
}
