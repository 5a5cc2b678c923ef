// SPDX-License-Identifier: Apache-2.0

import Glibc
import MeshBasics
import MeshExchange
package import MeshLimits

/// A listening socket that one process hands to the next.
package struct HandedSocket: Sendable, Hashable {
    /// The address that it is bound to, as listeners write it.
    package var address: String
    /// The port that it is bound to.
    package var port: UInt16
    /// Its descriptor in this process.
    package var descriptor: Int32

    /// The socket of the given parts.
    package init(address: String, port: UInt16, descriptor: Int32) {
        self.address = address
        self.port = port
        self.descriptor = descriptor
    }
}

/// How one process takes over from another without a connection being lost.
///
/// Both have the same sockets, not merely the same ports: what waits in a socket's queue is
/// accepted by whoever comes first, so nothing is lost when the former process closes its own.
extension Proxy {
    /// Copies of the descriptors of every listening socket, open in every program that is started
    /// from now on. Whoever asks closes them.
    package func handedSockets() async -> [HandedSocket] {
        var handed: [HandedSocket] = []
        for (key, listening) in openListeners {
            for listener in listening {
                let copy = await listener.sockets.run { listener.copyDescriptor() }
                guard copy >= 0 else { continue }
                handed.append(
                    HandedSocket(address: key.address, port: key.port, descriptor: copy))
            }
        }
        for (key, descriptor) in openCheckSockets {
            let copy = fcntl(descriptor, F_DUPFD, 3)
            guard copy >= 0 else { continue }
            handed.append(HandedSocket(address: key.address, port: key.port, descriptor: copy))
        }
        return handed.sorted {
            ($0.address, $0.port, $0.descriptor) < ($1.address, $1.port, $1.descriptor)
        }
    }

    /// What every limit has given out, over all loops.
    package func usage() async -> [LimitUsage] {
        var all: [LimitUsage] = []
        for loop in loops {
            all += await loop.sockets.run { loop.shard.ledger.usage(at: loop.now) }
        }
        return all
    }

    /// Counts `usage` of a former process, an equal part on each loop.
    package func take(_ usage: [LimitUsage]) async {
        for loop in loops {
            await loop.sockets.run { loop.shard.ledger.take(usage, at: loop.now) }
        }
    }
}
