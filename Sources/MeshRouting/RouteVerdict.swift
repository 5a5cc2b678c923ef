// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshSnapshot
package import MeshWire

/// What one entry of a route table says of a request, and why: for people, not for the path of a
/// request.
package struct RouteVerdict: Hashable, Sendable {
    /// The entry.
    package var entry: RouteEntry
    /// Why it does not match, or nil when it does.
    package var miss: Miss?

    /// The first thing that an entry wants and a request lacks, the most general first.
    package enum Miss: Hashable, Sendable, Comparable {
        /// Another hostname.
        case hostname
        /// Another path.
        case path
        /// Another method.
        case method
        /// A header field that is missing or has another value.
        case header(String)
        /// A query parameter that is missing or has another value.
        case parameter(String)

        package static func < (a: Miss, b: Miss) -> Bool { a.rank < b.rank }

        private var rank: Int {
            switch self {
            case .hostname: 0
            case .path: 1
            case .method: 2
            case .header: 3
            case .parameter: 4
            }
        }
    }
}

extension RouteTable {
    /// The verdicts that explain a request: those of the entries that came nearest to it, and at
    /// the end that of the one which took it, if any did.
    ///
    /// **Shape** arguments as of `rule(host:…)`; at most `most` misses, in order of precedence,
    /// those that miss by the least first.
    /// **Complexity** O(entries): each is compared alone, without the index.
    package func verdicts(
        host: RawSpan, path: RawSpan, query: RawSpan, method: RawSpan,
        head: borrowing RequestHead, bytes: RawSpan, most: Int
    ) -> [RouteVerdict] {
        var misses: [RouteVerdict] = []
        for entry in entries {
            let alone = RouteTable(entries: [entry])
            let matches =
                alone.rule(
                    host: host, path: path, query: query, method: method, head: head, bytes: bytes)
                != nil
            if matches { return Self.nearest(misses, most) + [RouteVerdict(entry: entry)] }
            // What is taken out of the entry until it matches is what it lacked.
            var eased = entry
            eased.query = []
            var miss = RouteVerdict.Miss.hostname
            func holds(_ entry: RouteEntry) -> Bool {
                RouteTable(entries: [entry]).rule(
                    host: host, path: path, query: query, method: method, head: head,
                    bytes: bytes) != nil
            }
            if holds(eased) {
                miss = .parameter(
                    Self.firstMiss(entry.query) { field in
                        var one = eased
                        one.query = [field]
                        return holds(one)
                    })
            } else {
                eased.headers = []
                if holds(eased) {
                    miss = .header(
                        Self.firstMiss(entry.headers) { field in
                            var one = eased
                            one.headers = [field]
                            return holds(one)
                        })
                } else {
                    eased.method = nil
                    if holds(eased) {
                        miss = .method
                    } else {
                        eased.path = .prefix([UInt8(ascii: "/")])
                        if holds(eased) { miss = .path }
                    }
                }
            }
            misses.append(RouteVerdict(entry: entry, miss: miss))
        }
        return Self.nearest(misses, most)
    }

    private static func firstMiss(_ fields: [FieldMatch], _ holds: (FieldMatch) -> Bool) -> String {
        let missing = fields.first { !holds($0) }
        return missing.map { String(decoding: $0.name, as: UTF8.self) } ?? ""
    }

    private static func nearest(_ misses: [RouteVerdict], _ most: Int) -> [RouteVerdict] {
        let ranked = misses.enumerated().sorted { a, b in
            let (left, right) = (a.element.miss ?? .hostname, b.element.miss ?? .hostname)
            if right < left { return true }
            if left < right { return false }
            // What an operator wrote is looked for before what the compiler added.
            let (own, other) = (!a.element.entry.order.implicit, !b.element.entry.order.implicit)
            return own == other ? a.offset < b.offset : own
        }
        return ranked.prefix(most).map(\.element)
    }
}
