// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshSnapshot

/// Answers of one engine that are still good, by the values of the facts that were chosen for it.
///
/// Bounded in entries and bytes: the entry that was used longest ago goes first. Keys are kept
/// whole, never as a hash, so that nobody can make a request that has the answer of another.
///
/// **Complexity** O(1) for each call, in the number of entries.
package struct AnswerCache: Sendable {
    private struct Entry: Sendable {
        var key: [UInt8]
        var answer: EngineAnswer
        var expires: Instant
        /// The entries that were used before and after this one, -1 at the ends.
        var older: Int
        var newer: Int
    }

    private var entries: [Entry] = []
    private var places: [[UInt8]: Int] = [:]
    private var free: [Int] = []
    private var oldest = -1
    private var newest = -1
    private var bytes = 0
    private let entriesMax: Int

    /// A cache of at most `entriesMax` answers.
    package init(entriesMax: Int) { self.entriesMax = max(1, entriesMax) }

    /// Count of answers, good or not.
    package var count: Int { places.count }

    /// The answer for `key`, if there is a good one.
    package mutating func answer(for key: [UInt8], at now: Instant) -> EngineAnswer? {
        guard let place = places[key] else { return nil }
        guard entries[place].expires > now else {
            remove(place)
            return nil
        }
        detach(place)
        attach(place)
        return entries[place].answer
    }

    /// Keeps `answer` for `key` until `expires`.
    package mutating func keep(_ answer: EngineAnswer, for key: [UInt8], until expires: Instant) {
        if let known = places[key] { remove(known) }
        guard key.count <= Limits.keyBytes else { return }
        let entry = Entry(key: key, answer: answer, expires: expires, older: -1, newer: -1)
        while places.count >= entriesMax || bytes + Self.size(entry) > Limits.cacheBytes {
            guard oldest >= 0 else { return }
            remove(oldest)
        }
        let place: Int
        if let spare = free.popLast() {
            place = spare
            entries[place] = entry
        } else {
            place = entries.count
            entries.append(entry)
        }
        places[key] = place
        bytes += Self.size(entry)
        attach(place)
    }

    private mutating func attach(_ place: Int) {
        entries[place].older = newest
        entries[place].newer = -1
        if newest >= 0 { entries[newest].newer = place } else { oldest = place }
        newest = place
    }

    private mutating func detach(_ place: Int) {
        let (older, newer) = (entries[place].older, entries[place].newer)
        if older >= 0 { entries[older].newer = newer } else { oldest = newer }
        if newer >= 0 { entries[newer].older = older } else { newest = older }
    }

    private mutating func remove(_ place: Int) {
        detach(place)
        bytes -= Self.size(entries[place])
        places[entries[place].key] = nil
        entries[place].key = []
        entries[place].answer = EngineAnswer(allows: false)
        free.append(place)
    }

    /// What an entry takes, by a rough count.
    private static func size(_ entry: Entry) -> Int {
        let edits = entry.answer.requestEdits + entry.answer.answerEdits
        let reason =
            (entry.answer.reason?.utf8.count ?? 0) + 64 * entry.answer.labels.count
        return edits.reduce(256 + 2 * entry.key.count + reason) { $0 + size($1) }
    }

    private static func size(_ edit: HeaderEdit) -> Int {
        switch edit {
        case .set(let name, let value), .add(let name, let value): 96 + name.count + value.count
        case .remove(let name): 64 + name.count
        }
    }

    /// Whether what it holds belongs together; nil when it does, else what is wrong.
    package func invariants() -> String? {
        var count = 0
        var sum = 0
        var place = oldest
        var before = -1
        while place >= 0 {
            guard count <= entries.count else { return "the order of use goes round" }
            if entries[place].older != before { return "the order of use is torn" }
            if places[entries[place].key] != place { return "a key leads elsewhere" }
            sum += Self.size(entries[place])
            count += 1
            before = place
            place = entries[place].newer
        }
        if before != newest { return "the last of the order is another" }
        if count != places.count { return "\(count) in order, \(places.count) by key" }
        if sum != bytes { return "\(sum) bytes are held, \(bytes) counted" }
        return count > entriesMax ? "more than \(entriesMax) entries" : nil
    }
}
