// SPDX-License-Identifier: Apache-2.0

import Glibc
import MeshProxy

/// Lets another process take over, once, and knows when this one is to end.
actor Upgrader {
    /// Why the process ends.
    enum End: Sendable {
        /// It was told to stop.
        case stopped
        /// Another one serves in its place.
        case replaced
    }

    private let proxy: Proxy
    private let program: String
    private var admin: Int32?
    private var isAllowed = false
    private var isUnderWay = false
    private let ends: AsyncStream<End>
    private let tell: AsyncStream<End>.Continuation

    /// Lets `program` take over from the process of `proxy`.
    init(_ proxy: Proxy, program: String) {
        self.proxy = proxy
        self.program = program
        (ends, tell) = AsyncStream.makeStream(of: End.self)
    }

    /// From now on another process may take over, the admin port's socket included.
    func allow(admin: Int32) {
        self.admin = admin
        isAllowed = true
    }

    /// Starts the process that takes over and waits until it serves. Answers its process id.
    ///
    /// **Errors** says why this one goes on serving.
    func upgrade() async throws -> pid_t {
        guard isAllowed, !isUnderWay else {
            throw Successor.Failure(
                description: "another process is taking over already, or this one has not begun "
                    + "to serve")
        }
        isUnderWay = true
        do {
            let process = try await Successor.start(program, after: proxy, admin: admin)
            guard isAllowed else {
                kill(process, SIGTERM)
                throw Successor.Failure(
                    description: "this process was told to stop meanwhile; start pinion again if "
                        + "it is to serve")
            }
            // Whoever hears of the new process is not to meet this one any more.
            await proxy.stopAccepting()
            Terminal.log("process \(process) serves now")
            tell.yield(.replaced)
            return process
        } catch {
            isUnderWay = false
            throw error
        }
    }

    /// The process was told to stop.
    nonisolated func stop() { tell.yield(.stopped) }

    /// Waits until the process is told to stop or was replaced, whichever is next.
    func end() async -> End {
        let ends = ends
        let end = await Self.first(of: ends)
        isAllowed = false
        return end
    }

    private static func first(of ends: AsyncStream<End>) async -> End {
        for await end in ends { return end }
        return .stopped
    }
}
