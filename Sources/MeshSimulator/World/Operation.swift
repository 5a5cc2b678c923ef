// SPDX-License-Identifier: Apache-2.0

/// What the proxy does towards servers, as far as any of it can fail.
enum Operation {
    /// A connection is made.
    case connect
    /// A request is sent.
    case send
    /// Bytes come while an answer's head is waited for.
    case readHead
    /// Bytes of an answer's body come.
    case readBody
}

extension World {
    /// Counts one operation; answers whether it is the one that must fail.
    func fails(_ operation: Operation) -> Bool {
        defer { outcome.operations += 1 }
        return outcome.operations == options.failOperation
    }
}
