// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// The parts of a `RouteIndex` while it is made, entry by entry in order of precedence.
struct RouteIndexBuilder {
    var hosts = RouteKeys()
    var wildcards = RouteKeys()
    var wildcardLengths: [UInt64] = []
    var anyHost: Int32 = -1
    var groups: [RouteIndex.Group] = []
    var exactPaths = RouteKeys()
    var prefixes = RouteKeys()
    var prefixLengths: [UInt64] = []
    var candidates: [RouteIndex.Candidate] = []
    var conditions: [RouteIndex.Conditions] = []
    var fields: [RouteIndex.Field] = []
    var patterns: [LinearPattern] = []
    var text: [UInt8] = []

    private var current: RouteEntry?
    // What is there already is not written twice: it saves memory, and what many routes share
    // stays in the processor's caches. Never iterated.
    private var knownHosts: [[UInt8]: Int32] = [:]
    private var knownWildcards: [[UInt8]: Int32] = [:]
    private var knownPaths: [[UInt8]: Int32] = [:]
    private var knownPrefixes: [[UInt8]: Int32] = [:]
    private var knownText: [[UInt8]: ByteRange] = [:]
    private var knownConditions: [RouteIndex.Conditions: Int32] = [:]
    private var knownFields: [[FieldMatch]: Range<Int32>] = [:]

    /// Adds `entry`, behind which comes `next`.
    mutating func add(_ entry: RouteEntry, next: RouteEntry?) {
        if current == nil || current?.hostname != entry.hostname { beginGroup(entry.hostname) }
        let beginsRun = current.map { !entry.isNeighbour(of: $0) } ?? true
        let place = Int32(candidates.count)
        let group = groups.count - 1
        var pattern: Int32 = -1
        switch entry.path {
        case .exact(let path):
            groups[group].hasExactPaths = true
            if beginsRun { insert(exactPath: path, group: group, place: place) }
        case .prefix(let prefix):
            if beginsRun { insert(prefix: prefix, group: group, place: place) }
        case .pattern(let value):
            pattern = Int32(patterns.count)
            patterns.append(value)
            let range = groups[group].patterns
            groups[group].patterns = (range.isEmpty ? place : range.lowerBound)..<(place + 1)
        }
        candidates.append(
            RouteIndex.Candidate(
                rule: entry.rule, conditions: addConditions(of: entry, pathPattern: pattern),
                isLast: next.map { !$0.isNeighbour(of: entry) } ?? true))
        current = entry
    }

    /// Ends the group of the last hostname.
    mutating func endGroup() {
        guard let last = groups.indices.last else { return }
        groups[last].prefixLengths =
            groups[last].prefixLengths.lowerBound..<Int32(prefixLengths.count)
    }

    private mutating func beginGroup(_ hostname: Hostname?) {
        endGroup()
        let group = Int32(groups.count)
        let lengths = Int32(prefixLengths.count)
        groups.append(RouteIndex.Group(prefixLengths: lengths..<lengths))
        current = nil
        guard let hostname else {
            anyHost = group
            return
        }
        guard hostname.isWildcard else {
            hosts.insert(hostname.labels, scope: 0, value: group, interned: &knownHosts)
            return
        }
        wildcards.insert(
            hostname.labels, scope: 0, value: group, interned: &knownWildcards)
        Self.setBit(hostname.labels.count, from: 0, in: &wildcardLengths)
    }

    private mutating func insert(exactPath: [UInt8], group: Int, place: Int32) {
        exactPaths.insert(
            exactPath, scope: Int32(group), value: place, interned: &knownPaths)
    }

    /// The root is the prefix of no bytes: it ends where the first slash stands.
    private mutating func insert(prefix: [UInt8], group: Int, place: Int32) {
        let key = prefix == [UInt8(ascii: "/")] ? [] : prefix
        prefixes.insert(
            key, scope: Int32(group), value: place, interned: &knownPrefixes)
        let first = Int(groups[group].prefixLengths.lowerBound)
        Self.setBit(key.count, from: first, in: &prefixLengths)
    }

    /// Sets bit `bit` of the row of words that starts at `first` and goes on to the end.
    private static func setBit(_ bit: Int, from first: Int, in words: inout [UInt64]) {
        while words.count <= first + bit / 64 { words.append(0) }
        words[first + bit / 64] |= 1 << UInt64(bit % 64)
    }

    private mutating func addConditions(of entry: RouteEntry, pathPattern: Int32) -> Int32 {
        guard
            pathPattern >= 0 || entry.method != nil || !entry.headers.isEmpty
                || !entry.query.isEmpty
        else { return -1 }
        var result = RouteIndex.Conditions()
        result.path = pathPattern
        if let method = entry.method { result.method = append(method) }
        result.headers = append(entry.headers)
        result.query = append(entry.query)
        if let known = knownConditions[result] { return known }
        conditions.append(result)
        knownConditions[result] = Int32(conditions.count - 1)
        return Int32(conditions.count - 1)
    }

    private mutating func append(_ matches: [FieldMatch]) -> Range<Int32> {
        if let known = knownFields[matches] { return known }
        let start = Int32(fields.count)
        for match in matches {
            let name = append(match.name)
            switch match.value {
            case .exact(let value):
                fields.append(.init(name: name, value: append(value), pattern: -1))
            case .pattern(let pattern):
                fields.append(
                    .init(name: name, value: .empty, pattern: Int32(patterns.count)))
                patterns.append(pattern)
            }
        }
        knownFields[matches] = start..<Int32(fields.count)
        return start..<Int32(fields.count)
    }

    private mutating func append(_ bytes: [UInt8]) -> ByteRange {
        if let known = knownText[bytes] { return known }
        let start = text.count
        text.append(contentsOf: bytes)
        knownText[bytes] = ByteRange(start, text.count)
        return ByteRange(start, text.count)
    }
}
