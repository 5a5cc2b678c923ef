// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshExchange
import MeshSnapshot
import Synchronization

/// Ports on which other proxies ask over gRPC.
extension Proxy {
    /// Opens such a port; questions are spread over the loops in turn.
    func openCheck(address: String, port: UInt16) async throws -> any CheckListener {
        guard let checkServer else {
            throw ProxyError.cannotListen(
                address: address, port: port, reason: "nothing here speaks gRPC")
        }
        let loops = loops
        let turn = Turn(of: loops.count)
        do {
            return try await checkServer.listen(address: address, port: port) { asked in
                let loop = loops[turn.next()]
                return await withCheckedContinuation { continuation in
                    let run = CheckRun(asked, on: loop) { continuation.resume(returning: $0) }
                    loop.sockets.execute { run.start(at: (address, port)) }
                }
            }
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
