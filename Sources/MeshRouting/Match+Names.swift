// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshSnapshot

extension Hostname {
    /// Whether a request for `host` (without port, in any case) is for this hostname. A wildcard
    /// stands for one or more labels.
    package func matches(_ host: RawSpan) -> Bool {
        let own = unsafe labels.span.bytes
        guard isWildcard else { return host.equalsIgnoringCase(own) }
        let start = host.byteCount &- own.byteCount
        guard start >= 2, host[start &- 1] == UInt8(ascii: ".") else { return false }
        return host.extracting(start..<host.byteCount).equalsIgnoringCase(own)
    }
}

extension Port {
    /// Which of `listeners` a request for `host` (without port, in any case) belongs to: the one
    /// with the most specific hostname; nil when none serves it.
    ///
    /// **Complexity** O(listeners of the port).
    package func listener(for host: RawSpan) -> Int? {
        for i in listeners.indices {
            guard let hostname = listeners[i].hostname else { return i }
            if hostname.matches(host) { return i }
        }
        return nil
    }
}

extension Listener {
    /// The model that callers call `name`, else the one attached as `*`, or nil.
    ///
    /// **Complexity** O(log n).
    package func model(named name: RawSpan) -> ModelID? {
        if let found = search(name) { return found }
        let any = Self.anyName
        return search(unsafe any.span.bytes)
    }

    private static let anyName = [UInt8(ascii: "*")]

    private func search(_ name: RawSpan) -> ModelID? {
        var low = 0
        var high = models.count
        while low < high {
            let middle = (low + high) / 2
            let stored = models[middle].name
            let candidate = unsafe stored.span.bytes
            if candidate.equals(name) { return models[middle].model }
            if candidate.precedes(name) { low = middle + 1 } else { high = middle }
        }
        return nil
    }
}

extension RawSpan {
    /// Whether these bytes come first in the order of dictionaries.
    fileprivate func precedes(_ other: RawSpan) -> Bool {
        var i = 0
        while i < byteCount, i < other.byteCount {
            if self[i] != other[i] { return self[i] < other[i] }
            i &+= 1
        }
        return byteCount < other.byteCount
    }
}
