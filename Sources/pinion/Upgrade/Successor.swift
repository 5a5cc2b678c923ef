// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import MeshProxy

/// The process that takes over from this one.
enum Successor {
    /// Why there is none.
    struct Failure: Error, CustomStringConvertible {
        /// What happened and what to do.
        let description: String
    }

    /// Starts `program`, which may be another one by now, with the same arguments, hands it the
    /// sockets of `proxy` and the admin port and waits until it accepts. Answers its process id.
    ///
    /// **Errors** when it does not start, ends, or is not ready within a minute; it is ended then,
    /// and nothing has changed here.
    static func start(
        _ program: String, after proxy: Proxy, admin: Int32?
    ) async throws(Failure) -> pid_t {
        var ends: [Int32] = [-1, -1]
        guard
            socketpair(
                AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
                == 0
        else { throw Failure(description: "no line to the new process: \(reason(errno))") }
        let line = Handover.Line(ends[0])
        let sockets = await proxy.handedSockets()
        let adminCopy = admin.map { fcntl($0, F_DUPFD, 3) }
        let peer = fcntl(ends[1], F_DUPFD, 3)
        close(ends[1])
        let text = Handover.text(line: peer, admin: adminCopy, sockets: sockets)
        let started = Result { () throws(Failure) in try spawn(program, text) }
        // Only the new process has them now: when it ends, the line does.
        close(peer)
        if let adminCopy { close(adminCopy) }
        for socket in sockets { close(socket.descriptor) }
        let process = try started.get()
        guard let first = await line.receive(within: 60), first == "loaded" else {
            throw end(process, "did not start")
        }
        let usage = (try? JSONEncoder().encode(await proxy.usage())) ?? Data("[]".utf8)
        await line.send(String(decoding: usage, as: UTF8.self))
        guard let second = await line.receive(within: 60), second == "ready" else {
            throw end(process, "did not begin to serve")
        }
        return process
    }

    /// Where this program stands. To be asked at the beginning: once the file was replaced, the
    /// kernel knows it by no name any more.
    ///
    /// As it was called, when that leads to this program: a link may lead to another one later.
    static func ownProgram() -> String {
        let own = resolved("/proc/self/exe")
        let named = CommandLine.arguments[0]
        let folders =
            named.contains("/")
            ? [named.hasPrefix("/") ? "" : FileManager.default.currentDirectoryPath + "/"]
            : (Process.environment("PATH") ?? "").split(separator: ":").map { "\($0)/" }
        let called = folders.map { $0 + named }.first { own != nil && resolved($0) == own }
        return called ?? own ?? named
    }

    /// The path of `path` without links; nil when there is no such file.
    private static func resolved(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }

    private static func spawn(
        _ program: String, _ handover: String
    ) throws(Failure) -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // What is ignored or blocked here is not to be in a program that does not know of it.
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK))
        var environment = ProcessInfo.processInfo.environment
        environment[Handover.variable] = handover
        let words = environment.map { "\($0.key)=\($0.value)" }.sorted()
        let arguments = [program] + CommandLine.arguments.dropFirst()
        var process = pid_t()
        let code = withPointers(arguments) { arguments in
            withPointers(words) { words in
                posix_spawn(&process, program, nil, &attributes, arguments, words)
            }
        }
        guard code == 0 else {
            throw Failure(
                description: "\(program) cannot be started: \(reason(code)); put the new program "
                    + "there and try again")
        }
        return process
    }

    /// Calls `body` with `texts` as C has them, a null pointer behind them.
    private static func withPointers<Result>(
        _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }

    private static func end(_ process: pid_t, _ what: String) -> Failure {
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        return Failure(
            description: "the new process \(what); its own words stand in the log. This one goes "
                + "on serving")
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
