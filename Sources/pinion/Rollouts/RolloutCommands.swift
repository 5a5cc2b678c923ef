// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import MeshAdmin
import MeshRollout

/// `pinion rollout`
struct RolloutCommands: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollout",
        abstract: "See and steer how canaries take over.",
        discussion: """
            For example: pinion rollout status chat, pinion rollout abort team-a/chat.

            Whoever may open the socket of --admin unix:PATH may steer; at a port it takes the
            token that the pinion was started with, in PINION_ADMIN_TOKEN.
            """,
        subcommands: [
            Status.self, Promote.self, Abort.self, Pause.self, Resume.self, Restart.self,
        ])

    /// Where to ask.
    struct Place: ParsableArguments {
        @Option(help: "Where the running pinion serves its admin port: ADDRESS:PORT or unix:PATH.")
        var admin = "127.0.0.1:15000"
    }

    /// Which rollout.
    struct Subject: ParsableArguments {
        @Argument(help: "The Rollout: NAME, or NAMESPACE/NAME.")
        var name: String

        @OptionGroup var place: Place

        /// Sends `command`, and prints what changed.
        func send(_ command: RolloutCommand) throws {
            let admin = try AdminPlace(place.admin, option: "--admin")
            try RolloutCommands.print {
                () throws(AdminClient.Failure) in
                try AdminClient.ask(
                    "POST",
                    "/rollouts/\(RolloutCommands.path(name))/\(command.rawValue)", at: admin)
            }
        }
    }

    /// `pinion rollout status`
    struct Status: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show how one rollout stands, or all.")

        @Argument(help: "The Rollout: NAME, or NAMESPACE/NAME; all without.")
        var name: String?

        @Option(name: .shortAndLong, help: "text, json or yaml.")
        var output = OutputFormat.text

        @OptionGroup var place: Place

        func run() throws {
            let admin = try AdminPlace(place.admin, option: "--admin")
            let page =
                name.map { "/rollouts/\(RolloutCommands.path($0))" } ?? "/get/rollouts"
            try RolloutCommands.print {
                () throws(AdminClient.Failure) in
                try AdminClient.get("\(page)/\(output.rawValue)", from: admin)
            }
        }
    }

    /// `pinion rollout promote`
    struct Promote: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Begin the next step now, whatever the checks say.")

        @Flag(help: "Give the canary everything now.")
        var full = false

        @OptionGroup var subject: Subject

        func run() throws { try subject.send(full ? .promoteFull : .promote) }
    }

    /// `pinion rollout abort`
    struct Abort: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give the stable target everything now.")

        @OptionGroup var subject: Subject

        func run() throws { try subject.send(.abort) }
    }

    /// `pinion rollout pause`
    struct Pause: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Leave the canary's share as it is; a failing one goes back all the same.")

        @OptionGroup var subject: Subject

        func run() throws { try subject.send(.pause) }
    }

    /// `pinion rollout resume`
    struct Resume: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Go on after a pause.")

        @OptionGroup var subject: Subject

        func run() throws { try subject.send(.resume) }
    }

    /// `pinion rollout restart`
    struct Restart: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Begin anew at the first step.")

        @OptionGroup var subject: Subject

        func run() throws { try subject.send(.restart) }
    }

    /// The part of a path that names a rollout.
    private static func path(_ name: String) -> String {
        let full = name.contains("/") ? name : "default/\(name)"
        let plain = full.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "-")
                || (UInt8(ascii: "-")...UInt8(ascii: "9")).contains(byte)
        }
        // What no resource can be called is not sent: it might break the request.
        return plain ? full : "default/-"
    }

    /// Prints the answer, or why there is none.
    private static func print(_ ask: () throws(AdminClient.Failure) -> String) throws {
        do {
            Terminal.out(try ask().trimmingLineBreaks)
        } catch {
            Terminal.err(error.description)
            throw ExitCode.failure
        }
    }
}
