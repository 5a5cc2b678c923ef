// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshSnapshot
package import MeshWire

extension RouteTable {
    /// The rule of the entry with the highest precedence that the request matches, or nil.
    ///
    /// When no entry under a hostname matches, entries under less specific hostnames are tried.
    ///
    /// **Shape** `host` without port, in any case; `path` canonical and without query; `query`
    /// without question mark; `head` and `bytes` as the parser gave them. A header on several
    /// lines counts as one whose value is all of theirs in order with a comma between two, so
    /// that no rule is decided by one line alone; a query parameter counts where its name stands
    /// first.
    ///
    /// **Complexity** O(host + path x depth of the path), plus the patterns of the hostname, plus
    /// the entries that share hostname and path. Does not depend on the number of entries else.
    /// Allocates only when a pattern is compared with a header on several lines or with an
    /// encoded query parameter.
    package func rule(
        host: RawSpan, path: RawSpan, query: RawSpan, method: RawSpan,
        head: borrowing RequestHead, bytes: RawSpan
    ) -> RuleID? {
        let index = self.index
        var rule: RuleID?
        if !index.hosts.isEmpty {
            let group = index.hosts.find(host, scope: 0, lowercasing: true)
            if group >= 0 {
                rule = index.rule(
                    in: group, path: path, query: query, method: method, head: head, bytes: bytes)
                if rule != nil { return rule }
            }
        }
        if !index.wildcards.isEmpty {
            rule = index.ruleUnderWildcards(
                host: host, path: path, query: query, method: method, head: head, bytes: bytes)
            if rule != nil { return rule }
        }
        guard index.anyHost >= 0 else { return nil }
        return index.rule(
            in: index.anyHost, path: path, query: query, method: method, head: head, bytes: bytes)
    }
}

extension RouteIndex {
    /// Tries the wildcards that `host` is under, the longest first.
    fileprivate func ruleUnderWildcards(
        host: RawSpan, path: RawSpan, query: RawSpan, method: RawSpan,
        head: borrowing RequestHead, bytes: RawSpan
    ) -> RuleID? {
        // One byte at least must stand for the asterisk; behind it, a dot and a known length.
        let longest = wildcardLengths.count &* 64
        var from = Swift.max(1, host.byteCount &- longest)
        while let dot = host.firstIndex(of: UInt8(ascii: "."), from: from) {
            from = dot &+ 1
            let length = host.byteCount &- from
            guard wildcardLengths[length &>> 6] &>> UInt64(length & 63) & 1 != 0 else { continue }
            let group = wildcards.find(
                host.extracting(from..<host.byteCount), scope: 0, lowercasing: true)
            guard group >= 0 else { continue }
            let rule = rule(
                in: group, path: path, query: query, method: method, head: head, bytes: bytes)
            if rule != nil { return rule }
        }
        return nil
    }

    /// Tries the routes of one hostname: the exact path, patterns, prefixes from long to short.
    fileprivate func rule(
        in number: Int32, path: RawSpan, query: RawSpan, method: RawSpan,
        head: borrowing RequestHead, bytes: RawSpan
    ) -> RuleID? {
        let group = groups[Int(number)]
        if group.hasExactPaths {
            let first = exactPaths.find(path, scope: number)
            let rule = rule(
                from: first, path: path, query: query, method: method, head: head, bytes: bytes)
            if rule != nil { return rule }
        }
        var pattern = group.patterns.lowerBound
        while pattern < group.patterns.upperBound {
            let rule = rule(
                from: pattern, path: path, query: query, method: method, head: head, bytes: bytes)
            if rule != nil { return rule }
            pattern &+= 1
        }
        let first = Int(group.prefixLengths.lowerBound)
        let wordCount = Int(group.prefixLengths.upperBound) &- first
        var word = Swift.min(wordCount, path.byteCount &>> 6 &+ 1)
        while word > 0 {
            word &-= 1
            var ends = prefixLengths[first &+ word]
            if ends != 0 { ends &= path.segmentEnds(inBlock: word) }
            while ends != 0 {
                let bit = 63 &- ends.leadingZeroBitCount
                ends &= ~(1 &<< UInt64(bit))
                let prefix = path.extracting(0..<(word &<< 6 &+ bit))
                let rule = rule(
                    from: prefixes.find(prefix, scope: number), path: path, query: query,
                    method: method, head: head, bytes: bytes)
                if rule != nil { return rule }
            }
        }
        return nil
    }

    /// Tries one run of candidates; none when `first` is -1.
    @inline(__always)
    private func rule(
        from first: Int32, path: RawSpan, query: RawSpan, method: RawSpan,
        head: borrowing RequestHead, bytes: RawSpan
    ) -> RuleID? {
        guard first >= 0 else { return nil }
        var i = Int(first)
        while true {
            let candidate = candidates[i]
            if candidate.conditions < 0
                || holds(
                    conditions[Int(candidate.conditions)], path: path, query: query,
                    method: method, head: head, bytes: bytes)
            {
                return candidate.rule
            }
            if candidate.isLast { return nil }
            i &+= 1
        }
    }
}

extension RawSpan {
    /// Bit `n` says whether a segment of the path ends behind `64 x block + n` bytes: a slash
    /// stands there, or nothing more. `block` is at most `byteCount / 64`.
    @inline(__always)
    fileprivate func segmentEnds(inBlock block: Int) -> UInt64 {
        let start = block &<< 6
        let end = Swift.min(start &+ 64, byteCount)
        var ends: UInt64 = byteCount < start &+ 64 ? 1 &<< UInt64(byteCount &- start) : 0
        var i = start
        while i &+ 8 <= end {
            let x = word(at: i) ^ 0x2F2F_2F2F_2F2F_2F2F
            // The high bit of each byte that is zero, exactly (no borrow crosses a byte).
            let low = (x & 0x7F7F_7F7F_7F7F_7F7F) &+ 0x7F7F_7F7F_7F7F_7F7F
            let zero = ~(low | x) & 0x8080_8080_8080_8080
            // One bit a byte, gathered: byte n becomes bit n of the highest byte.
            let gathered = ((zero &>> 7) &* 0x0102_0408_1020_4080) &>> 56
            ends |= gathered &<< UInt64(i &- start)
            i &+= 8
        }
        while i < end {
            if self[i] == UInt8(ascii: "/") { ends |= 1 &<< UInt64(i &- start) }
            i &+= 1
        }
        return ends
    }
}
