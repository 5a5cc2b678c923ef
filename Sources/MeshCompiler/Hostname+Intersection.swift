// SPDX-License-Identifier: Apache-2.0

import MeshSnapshot

extension Hostname {
    /// The hostname as an operator writes it; `text` has been checked.
    init(written text: String) {
        let isWildcard = text.hasPrefix("*.")
        self.init(
            labels: Array((isWildcard ? text.dropFirst(2) : text[...]).utf8),
            isWildcard: isWildcard)
    }

    /// The hostnames that both stand for, or nil when there are none: the more specific of the
    /// two if it lies within the other. Nil stands for every hostname.
    ///
    /// **Source** Gateway API, `HTTPRouteSpec.hostnames`: a wildcard stands for one or more
    /// labels.
    static func intersection(_ a: Hostname?, _ b: Hostname?) -> Intersection {
        guard let a else { return .some(b) }
        guard let b else { return .some(a) }
        switch (a.isWildcard, b.isWildcard) {
        case (false, false): return a.labels == b.labels ? .some(a) : .none
        case (true, false): return a.covers(b.labels) ? .some(b) : .none
        case (false, true): return b.covers(a.labels) ? .some(a) : .none
        case (true, true):
            if a.labels == b.labels { return .some(a) }
            if a.covers(b.labels) { return .some(b) }
            return b.covers(a.labels) ? .some(a) : .none
        }
    }

    /// What two hostnames have in common.
    enum Intersection: Equatable {
        /// Nothing.
        case none
        /// This; nil for every hostname.
        case some(Hostname?)
    }

    /// Whether this wildcard stands for names below which `name` lies.
    private func covers(_ name: [UInt8]) -> Bool {
        guard name.count > labels.count + 1 else { return false }
        let suffix = name.suffix(labels.count + 1)
        return suffix.first == UInt8(ascii: ".") && suffix.dropFirst().elementsEqual(labels)
    }

    /// Whether `a` is more specific than `b`: exact names first, then wildcards with more
    /// characters, then every hostname; equals by their bytes.
    static func precedes(_ a: Hostname?, _ b: Hostname?) -> Bool {
        guard let a else { return false }
        guard let b else { return true }
        if a.isWildcard != b.isWildcard { return !a.isWildcard }
        if a.isWildcard, a.labels.count != b.labels.count {
            return a.labels.count > b.labels.count
        }
        return a.labels.lexicographicallyPrecedes(b.labels)
    }
}
