// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshExchange
import MeshSnapshot
import Synchronization

/// Ports on which other proxies ask over gRPC.
extension Proxy {
    /// Such a port that is open.
    struct OpenCheck: Sendable {
        /// Its listening socket, for another process to take over.
        var descriptor: Int32
        /// What accepts there.
        var listener: any CheckListener
    }

    /// Opens such a port, on the socket of a former process if there is one; questions are spread
    /// over the loops in turn.
    func openCheck(address: String, port: UInt16) async throws -> OpenCheck {
        guard let checkServer else {
            throw ProxyError.cannotListen(
                address: address, port: port, reason: "nothing here speaks gRPC")
        }
        let loops = loops
        let turn = Turn(of: loops.count)
        do {
            let descriptor = try listeningSocket(address: address, port: port)
            let listener = try await checkServer.listen(on: descriptor) { asked in
                let loop = loops[turn.next()]
                return await withCheckedContinuation { continuation in
                    let run = CheckRun(asked, on: loop) { continuation.resume(returning: $0) }
                    loop.sockets.execute { run.start(at: (address, port)) }
                }
            }
            return OpenCheck(descriptor: descriptor, listener: listener)
        } catch {
            throw ProxyError.cannotListen(address: address, port: port, reason: "\(error)")
        }
    }
}

/// Whose turn it is.
private final class Turn: Sendable {
    private let count: Int
    private let taken = Atomic<Int>(0)

    init(of count: Int) { self.count = count }

    func next() -> Int {
        taken.wrappingAdd(1, ordering: .relaxed).oldValue % count
    }
}
