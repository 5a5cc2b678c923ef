// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// What the caller was given of an answer of the Responses API, item by item, and how the present
/// server's events fit to it.
///
/// ```
///  output[0] message  id msg_1 ── content[0] "The fox"
///  output[1] call     id fc_2  ── whole: {…}
/// ```
///
/// A server that goes on begins its own output at 0. Told what was said, its first message goes
/// on with the one that was begun; beginning anew, its items are those that were given, one by
/// one. So places stay as they are, and only names are changed.
struct ResponseDraft {
    /// Literals of the first server's response.
    var id: [UInt8]?
    var created: [UInt8]?
    var model: [UInt8]?
    /// Its bound on tokens: who is told what was said gets a lower one.
    var bound: [UInt8]?
    /// What was given, by its place in `output`.
    var items: [Item] = []
    /// The number of the next event.
    var number = 0
    /// Whether events of the first server say their number, and their places.
    var isNumbered = false
    var hasPlaces = false
    /// Whether the caller was told that it has ended.
    var isFinished = false
    /// Tool calls that were begun and are not whole.
    var openCalls = 0
    /// Literals of the ids of the present server's items, by their place.
    private var present: [[UInt8]] = []

    /// What an item is.
    enum Kind { case message, thought, call, other }

    /// One item of the output.
    struct Item {
        /// The literal of its id.
        var id: [UInt8]
        var kind: Kind
        var parts: [Part] = []
        /// Parts, other than summaries, that the present server began.
        var partsBegun = 0
        /// All of it as the caller was given it, once it was.
        var whole: [UInt8]?
        /// The same when an earlier server gave it: the present one may not change it.
        var settled: [UInt8]?
    }

    /// One part of an item.
    struct Part {
        var isSummary: Bool
        var index: Int
        /// What was given of its text, as contents of a JSON string.
        var text: [UInt8] = []
        /// What was given of its probabilities: elements of a list.
        var probabilities: [UInt8] = []
        /// How much of it was told.
        var told = Told.begun
        /// What the present server was told of it, which it may repeat where it tells all of it.
        var base: [UInt8] = []
        var baseProbabilities: [UInt8] = []
        /// Bytes of text that the present server said of it.
        var fresh = 0
        /// What the present server must say again: decoded, with how far it came.
        var expected: [UInt8] = []
        var seen = 0

        /// Whether the present server has said again what was given.
        var isCaughtUp: Bool { seen == expected.count }
    }

    /// How much was told of a part.
    enum Told: Int, Comparable {
        case begun, text, whole

        static func < (left: Told, right: Told) -> Bool { left.rawValue < right.rawValue }
    }

    /// The only part of the only item, when that is text which is not whole yet.
    private var openPart: Part? {
        guard items.count == 1, items[0].kind == .message, items[0].whole == nil,
            items[0].parts.count == 1, items[0].parts[0].told == .begun
        else { return nil }
        return items[0].parts[0]
    }

    /// Its text.
    var openText: [UInt8] { openPart?.text ?? [] }

    /// Whether another server could say what follows: what was given is one text that is not whole.
    var isOneText: Bool { openPart != nil }

    /// Whether some of it is thought.
    var hasThought: Bool { items.contains { $0.kind == .thought } }

    /// Bytes of it that are kept.
    var bytes: Int {
        items.reduce(0) { sum, item in
            item.parts.reduce(sum + (item.whole?.count ?? 0)) {
                $0 + $1.text.count + $1.probabilities.count
            }
        }
    }

    /// Another server goes on.
    mutating func goOn(anew isAnew: Bool) {
        present = []
        openCalls = 0
        for number in items.indices {
            items[number].settled = items[number].whole
            items[number].partsBegun = 0
            for place in items[number].parts.indices {
                let text = items[number].parts[place].text
                let probabilities = items[number].parts[place].probabilities
                items[number].parts[place].expected = isAnew ? SaidText.decoded(text) : []
                items[number].parts[place].seen = 0
                items[number].parts[place].fresh = 0
                items[number].parts[place].base = isAnew ? [] : text
                items[number].parts[place].baseProbabilities = isAnew ? [] : probabilities
            }
        }
    }

    /// Nothing more is kept but what the present server needs.
    mutating func forget() {
        for number in items.indices {
            items[number].whole = items[number].whole.map { _ in [] }
            for place in items[number].parts.indices {
                items[number].parts[place].text = []
                items[number].parts[place].probabilities = []
            }
        }
    }

    // MARK: Places

    /// Keeps what names the response that `read` holds.
    mutating func keepIdentity(_ read: ResponseEvent, _ data: RawSpan) {
        guard id == nil, let response = read.object.object("response", in: data) else { return }
        func literal(_ name: StaticString) -> [UInt8]? {
            response.value(name, in: data).map { data.extracting($0.range).array }
        }
        id = literal("id")
        created = literal("created_at")
        model = literal("model")
        bound = literal("max_output_tokens")
    }

    /// The present server begins an item; answers its place.
    mutating func begin(_ read: ResponseEvent, _ item: JSONObject, _ data: RawSpan) -> Int {
        let place = read.outputIndex ?? present.count
        let id = item.value("id", in: data).map { data.extracting($0.range).array } ?? []
        while present.count < min(place, items.count) { present.append([]) }
        present.append(id)
        return place
    }

    /// The place of the item that `read` is about; nil when nobody can know.
    func place(of read: ResponseEvent, id: ByteRange?, _ data: RawSpan) -> Int? {
        if let index = read.outputIndex { return index }
        guard let id else { return present.isEmpty ? nil : present.count - 1 }
        return present.lastIndex { unsafe data.extracting(id.range).equals($0.span.bytes) }
    }

    /// The number of the part that `read` is about: without one it is the part that the present
    /// server came to.
    private func number(ofPart read: ResponseEvent, at place: Int) -> Int {
        if let index = read.partIndex { return index }
        let begun = items[place].partsBegun
        return read.kind == .partAdded ? begun : max(0, begun - 1)
    }

    /// Where the part that `read` is about stands within the item at `place`; it is made if it was
    /// not there.
    mutating func part(of read: ResponseEvent, at place: Int) -> (at: Int, isNew: Bool) {
        let index = number(ofPart: read, at: place)
        if read.kind == .partAdded, !read.isSummary { items[place].partsBegun += 1 }
        let known = items[place].parts.firstIndex {
            $0.isSummary == read.isSummary && $0.index == index
        }
        if let known { return (known, false) }
        items[place].parts.append(Part(isSummary: read.isSummary, index: index))
        return (items[place].parts.count - 1, true)
    }

    /// Whether the present server began as many items as the caller was given.
    var hasAllItems: Bool { present.count >= items.count }

    /// Whether the present server has said again all that was given of the item at `place`.
    func isCaughtUp(at place: Int) -> Bool { items[place].parts.allSatisfy(\.isCaughtUp) }

    /// What the item in `object` is.
    static func kind(_ object: JSONObject, _ data: RawSpan) -> Kind {
        guard let type = object.contents("type", in: data) else { return .other }
        let name = data.extracting(type.range)
        if name.equals("message") { return .message }
        if name.equals("reasoning") { return .thought }
        if name.equals("function_call") || name.equals("custom_tool_call") { return .call }
        return .other
    }
}
