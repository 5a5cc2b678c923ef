// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import MeshBasics

/// One listening socket of one loop. Those of the other loops share its port, and the kernel
/// spreads connections over them.
///
/// Sendable so that it can be handed to its loop; after `init` nothing but that loop touches it.
final class Listener: Pollable, @unchecked Sendable {
    private let accept: (Int32, InternetAddress) -> Void
    private var isPaused = false
    private var isHeld = false

    /// Binds `address`; nothing is accepted before `start`.
    ///
    /// **Errors** the reason in the system's words. Without `sharing` the port must be free.
    init(
        sockets: SocketLoop, address: InternetAddress, sharing: Bool,
        backlog: Int32 = SocketLimits.backlog,
        accept: @escaping (Int32, InternetAddress) -> Void
    ) throws(ListenFailure) {
        self.accept = accept
        super.init(sockets: sockets)
        bound = try Self.open(address, sharing: sharing, backlog: backlog)
    }

    /// A socket that listens on `address`.
    ///
    /// **Errors** the reason in the system's words. Without `sharing` the port must be free.
    static func open(
        _ address: InternetAddress, sharing: Bool, backlog: Int32 = SocketLimits.backlog
    ) throws(ListenFailure) -> Int32 {
        let descriptor = socket(
            address.family,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
                | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw ListenFailure(errno) }
        Connection.set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        if sharing { Connection.set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
        // Accepted sockets inherit it.
        Connection.set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        guard address.withSocketAddress({ bind(descriptor, $0, $1) }) == 0,
            listen(descriptor, backlog) == 0
        else {
            let code = errno
            close(descriptor)
            throw ListenFailure(code)
        }
        return descriptor
    }

    /// Takes over `descriptor`, which listens already; nothing is accepted before `start`.
    init(
        sockets: SocketLoop, adopting descriptor: Int32,
        accept: @escaping (Int32, InternetAddress) -> Void
    ) {
        self.accept = accept
        super.init(sockets: sockets)
        bound = descriptor
    }

    /// A copy of its descriptor that programs started from here inherit, or -1; on the loop's
    /// thread.
    func copyDescriptor() -> Int32 { fcntl(bound >= 0 ? bound : descriptor, F_DUPFD, 3) }

    private var bound: Int32 = -1

    deinit { if bound >= 0 { close(bound) } }

    /// Closes the socket of a listener that was never started.
    func closeUnused() {
        close(bound)
        bound = -1
    }

    /// The port it is bound to.
    var port: UInt16 {
        InternetAddress { address, length in
            _ = getsockname(bound >= 0 ? bound : descriptor, address, length)
        }.port
    }

    /// Accepts from now on; on the loop's thread.
    func start() {
        guard bound >= 0 else { return }
        watch(bound, EPOLLIN.rawValue)
        bound = -1
    }

    /// Closes the socket; on the loop's thread. Connections that were accepted stay.
    func stop() {
        isPaused = false
        dismiss()
        if bound >= 0 { close(bound) }
        bound = -1
    }

    override func ready(_ events: UInt32) {
        for _ in 0..<SocketLimits.acceptsMax {
            guard descriptor >= 0, !isPaused, !isHeld else { return }
            var accepted: Int32 = -1
            var code: Int32 = 0
            let peer = InternetAddress { address, length in
                accepted = accept4(
                    descriptor, address, length,
                    Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue))
                code = errno
            }
            if accepted >= 0 {
                accept(accepted, peer)
                continue
            }
            switch code {
            case EAGAIN: return
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                pause()
                return
            // Of a connection that is gone already: the next one may be well.
            default: continue
            }
        }
    }

    /// Accepts nothing while `isHeld`; what comes waits in the kernel.
    func hold(_ isHeld: Bool) {
        guard descriptor >= 0, isHeld != self.isHeld else { return }
        self.isHeld = isHeld
        if !isPaused { waitFor(isHeld ? 0 : EPOLLIN.rawValue) }
    }

    /// There is no descriptor left for the connection that waits, and the kernel would report it
    /// again at once: it waits until others may have closed.
    private func pause() {
        isPaused = true
        waitFor(0)
        sockets.schedule(
            at: sockets.now + Nanoseconds(SocketLimits.acceptPause)
        ) { [weak self] in
            guard let self, isPaused else { return }
            isPaused = false
            if !isHeld { waitFor(EPOLLIN.rawValue) }
        }
    }
}

/// Why a port could not be opened.
struct ListenFailure: Error, CustomStringConvertible {
    /// The reason in the system's words.
    let description: String

    init(_ code: Int32) { description = Connection.text(code) }

    private init(text: String) { description = text }

    /// Only numeric addresses are listened on.
    static let notAnAddress = ListenFailure(text: "it is not an IP address")
}
