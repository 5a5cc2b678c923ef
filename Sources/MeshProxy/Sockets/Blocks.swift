// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Spare memory of one event loop, in blocks of one size.
///
/// A connection holds a block only while it has bytes that wait, so a thousand idle connections
/// hold none, and a busy one takes what another just gave back instead of asking the allocator.
final class Blocks {
    private var spare: [UnsafeMutableRawPointer] = []

    init() { spare.reserveCapacity(SocketLimits.spareBlocksMax) }

    deinit { for block in spare { free(block) } }

    /// Memory of at least `capacity` bytes, and how much it is.
    func take(_ capacity: Int) -> UnsafeMutableRawBufferPointer {
        if capacity <= SocketLimits.blockSize {
            let block = spare.popLast() ?? Self.allocate(SocketLimits.blockSize)
            return UnsafeMutableRawBufferPointer(start: block, count: SocketLimits.blockSize)
        }
        var size = SocketLimits.blockSize * 2
        while size < capacity { size *= 2 }
        return UnsafeMutableRawBufferPointer(start: Self.allocate(size), count: size)
    }

    /// Takes back what `take` gave.
    func giveBack(_ memory: UnsafeMutableRawBufferPointer) {
        guard let base = memory.baseAddress else { return }
        if memory.count == SocketLimits.blockSize, spare.count < SocketLimits.spareBlocksMax {
            spare.append(base)
        } else {
            free(base)
        }
    }

    /// Gives all spare memory back to the process.
    func shrink() {
        for block in spare { free(block) }
        spare.removeAll(keepingCapacity: true)
    }

    private static func allocate(_ size: Int) -> UnsafeMutableRawPointer {
        guard let memory = malloc(size) else { fatalError("the process is out of memory") }
        return memory
    }
}
