// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Something with a descriptor that a `SocketLoop` waits for.
///
/// The loop keeps it alive from `watch` until the turn in which it was dismissed has ended, so an
/// event that was already taken from the kernel never meets a freed object or, because objects
/// and not descriptors are told apart, the next user of the same descriptor.
class Pollable {
    /// Its loop, which outlives it.
    unowned(unsafe) let sockets: SocketLoop
    /// Its descriptor, -1 when it has none (any more).
    private(set) var descriptor: Int32 = -1
    /// What it waits for: `EPOLLIN`, `EPOLLOUT`.
    private var interest: UInt32 = 0

    init(sockets: SocketLoop) { self.sockets = sockets }

    /// The kernel reports `events`; overridden.
    func ready(_ events: UInt32) {}

    /// The turn in which it was dismissed is over; overridden to free what others may still have
    /// looked at.
    func dismissed() {}

    /// Starts to wait for `events` of `descriptor`, which is its own from now on.
    final func watch(_ descriptor: Int32, _ events: UInt32) {
        precondition(self.descriptor < 0, "it waits for a descriptor already")
        self.descriptor = descriptor
        interest = events
        sockets.add(self, descriptor, events)
    }

    /// Waits for `events` instead. Errors and hang-ups are always reported.
    final func waitFor(_ events: UInt32) {
        guard descriptor >= 0, events != interest else { return }
        interest = events
        sockets.change(self, descriptor, events)
    }

    /// What it waits for.
    final var awaited: UInt32 { interest }

    /// Waits for nothing any more and gives the descriptor away.
    final func surrender() -> Int32 {
        let given = descriptor
        descriptor = -1
        sockets.remove(given)
        sockets.release(self)
        return given
    }

    /// Closes the descriptor and waits for nothing any more.
    final func dismiss() {
        guard descriptor >= 0 else { return }
        // Closing alone does not take it out of the kernel's set while a process that is being
        // started holds a copy, and what the kernel told of then would be gone.
        Glibc.close(surrender())
    }
}
