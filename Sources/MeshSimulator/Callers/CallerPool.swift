// SPDX-License-Identifier: Apache-2.0

/// The connections of callers that wait for a request, and the one that takes another behind
/// those it has.
struct CallerPool {
    private var idle: [Caller] = []
    /// The caller that began last and may take more.
    var busy: Caller?

    /// A connection that waits, the one used last; nil when there is none.
    mutating func take() -> Caller? {
        while let last = idle.popLast() {
            if last.isUsable { return last }
        }
        return nil
    }

    /// Keeps a connection for the next request.
    mutating func keep(_ caller: Caller) { idle.append(caller) }
}
