// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel

extension WorkloadSpec {
    /// The workload that `text` describes: a kind, a colon, and `key=value` with commas between.
    ///
    /// **Errors** the first mistake, with its place and what is allowed there.
    package static func parse(_ text: String) throws(WorkloadFault) -> WorkloadSpec {
        var reader = WorkloadReader(text)
        let kind = try reader.kind()
        try reader.splitPairs(of: kind)
        var spec: WorkloadSpec
        switch kind {
        case .even: spec = WorkloadSpec(.open(.even(rate: try reader.rate())))
        case .poisson: spec = WorkloadSpec(.open(.poisson(rate: try reader.rate())))
        case .burst: spec = WorkloadSpec(.open(try reader.burst()))
        case .chat: spec = WorkloadSpec(.chat(try reader.chat()))
        }
        spec.model = try reader.text("model")
        if let input = try reader.length("input") { spec.input = input }
        if let output = try reader.length("output") { spec.output = output }
        spec.prefixes = try reader.prefixes()
        if let stream = try reader.boolean("stream") { spec.stream = stream }
        if let start = try reader.duration("start") { spec.start = start }
        spec.duration = try reader.duration("duration")
        return spec
    }
}

/// The kinds of workloads, and the keys that each understands.
enum WorkloadKind: String, CaseIterable {
    case even
    case poisson
    case burst
    case chat

    /// The keys that every kind understands.
    private static let shared = [
        "model", "input", "output", "prefixes", "prefix", "skew", "stream", "start", "duration",
    ]

    /// The keys that it understands, its own first.
    var keys: [String] {
        switch self {
        case .even, .poisson: ["rate"] + Self.shared
        case .burst: ["rate", "cv", "on", "off"] + Self.shared
        case .chat: ["users", "turns", "think", "pace", "ramp", "context"] + Self.shared
        }
    }
}

/// Reads one text, keeping the place of every part for messages.
struct WorkloadReader {
    private let text: String
    /// The pairs with the columns of key and value, in order.
    private var pairs: [Pair] = []
    private let kindName: String
    private let rest: Substring?

    private struct Pair {
        var key: String
        var keyColumn: Int
        var value: String
        var column: Int
    }

    init(_ text: String) {
        self.text = text
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        kindName = String(parts[0])
        rest = parts.count > 1 ? parts[1] : nil
    }

    /// What stands in front of the colon.
    func kind() throws(WorkloadFault) -> WorkloadKind {
        let names = WorkloadKind.allCases.map(\.rawValue)
        guard text.count <= WorkloadLimits.textCharactersMax else {
            throw fault(
                1, "the text has \(text.count) characters",
                "write at most \(WorkloadLimits.textCharactersMax)")
        }
        guard let kind = WorkloadKind(rawValue: kindName) else {
            let nearest = Suggestion.nearest(to: kindName, among: names)
            throw fault(
                1, "unknown kind \(quoted(kindName))",
                nearest.map { "did you mean `\($0)`?" }
                    ?? "begin with one of \(listed(names)) and a colon")
        }
        return kind
    }

    /// Finds the pairs; each key must be known to `kind` and stand there once.
    mutating func splitPairs(of kind: WorkloadKind) throws(WorkloadFault) {
        guard let rest, !rest.isEmpty else { return }
        var column = kindName.count + 2
        for part in rest.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = String(sides[0])
            guard sides.count == 2, !sides[1].isEmpty else {
                throw fault(column, "\(quoted(String(part))) has no value", "write `key=value`")
            }
            guard kind.keys.contains(key) else {
                let nearest = Suggestion.nearest(to: key, among: kind.keys)
                throw fault(
                    column, "`\(kind.rawValue)` has no key \(quoted(key))",
                    nearest.map { "did you mean `\($0)`?" }
                        ?? "the keys are \(listed(kind.keys))")
            }
            guard !pairs.contains(where: { $0.key == key }) else {
                throw fault(column, "`\(key)` is written twice", "keep one of them")
            }
            pairs.append(
                Pair(
                    key: key, keyColumn: column, value: String(sides[1]),
                    column: column + key.count + 1))
            column += part.count + 1
        }
    }

    private func pair(_ key: String) -> Pair? { pairs.first { $0.key == key } }

    private func missing(_ key: String, _ example: String) -> WorkloadFault {
        fault(text.count + 1, "`\(key)` is missing", "add `\(key)=\(example)`")
    }

    private func fault(_ column: Int, _ message: String, _ remedy: String) -> WorkloadFault {
        WorkloadFault(text: text, column: column, message: message, remedy: remedy)
    }

    private func listed(_ names: [String]) -> String {
        names.map { "`\($0)`" }.joined(separator: ", ")
    }
}

// MARK: Values

extension WorkloadReader {
    func text(_ key: String) throws(WorkloadFault) -> String? { pair(key)?.value }

    func rate() throws(WorkloadFault) -> Double {
        guard let rate = try number("rate", 0.0001...WorkloadLimits.rateMax) else {
            throw missing("rate", "50")
        }
        return rate
    }

    func burst() throws(WorkloadFault) -> ArrivalProcess {
        let rate = try rate()
        let variation = try number("cv", 0...WorkloadLimits.variationMax)
        let on = try duration("on")
        let off = try duration("off")
        if let cv = pair("cv"), let phase = pair("on") ?? pair("off") {
            throw fault(
                phase.keyColumn, "`\(phase.key)` and `\(cv.key)` exclude each other",
                "write `cv` for clusters, or `on` and `off` for phases")
        }
        if let variation { return .gamma(rate: rate, variation: variation) }
        switch (on, off) {
        case (let on?, let off?):
            guard on > .zero else {
                throw fault(
                    pair("on")?.column ?? 1, "`on` is 0", "write a duration above it: `on=10s`")
            }
            return .phases(rate: rate, on: on, off: off)
        case (nil, nil):
            throw fault(
                text.count + 1, "nothing says how requests cluster",
                "add `cv=3` for clusters, or `on=10s,off=30s` for phases")
        case (nil, _): throw missing("on", "10s")
        case (_, nil): throw missing("off", "30s")
        }
    }

    func chat() throws(WorkloadFault) -> ChatHabits {
        guard let users = try integer("users", 1...WorkloadLimits.usersMax) else {
            throw missing("users", "200")
        }
        var habits = ChatHabits(users: users)
        if let turns = try length("turns") { habits.turns = turns }
        if let think = try duration("think") { habits.think = think }
        if let pace = try duration("pace") { habits.pace = pace }
        habits.ramp = try duration("ramp")
        if let context = try integer("context", 1...WorkloadLimits.tokensMax) {
            habits.contextMax = context
        }
        guard habits.think > .zero || habits.pace > .zero else {
            throw fault(
                pair("think")?.column ?? 1, "without `think` and `pace` no time ever passes",
                "write `think=1s`, or `pace` above 0")
        }
        return habits
    }

    func prefixes() throws(WorkloadFault) -> SharedPrefixes? {
        let count = try integer("prefixes", 1...WorkloadLimits.prefixesMax)
        let tokens = try integer("prefix", 1...WorkloadLimits.tokensMax)
        let skew = try number("skew", 0...WorkloadLimits.skewMax)
        guard let tokens else {
            if count != nil || skew != nil { throw missing("prefix", "2000") }
            return nil
        }
        return SharedPrefixes(count: count ?? 1, tokens: tokens, skew: skew ?? 1)
    }

    func boolean(_ key: String) throws(WorkloadFault) -> Bool? {
        guard let pair = pair(key) else { return nil }
        switch pair.value {
        case "true": return true
        case "false": return false
        default:
            throw fault(
                pair.column, "\(quoted(pair.value)) is neither `true` nor `false`",
                "write one of them")
        }
    }

    func duration(_ key: String) throws(WorkloadFault) -> Nanoseconds? {
        guard let pair = pair(key) else { return nil }
        if let value = Notation.duration(pair.value) { return value }
        throw fault(
            pair.column, "\(quoted(pair.value)) is not a duration",
            "write numbers with a unit: `250ms`, `10s`, `1m30s`")
    }

    func integer(
        _ key: String, _ range: ClosedRange<Int>
    ) throws(WorkloadFault) -> Int? {
        guard let pair = pair(key) else { return nil }
        if let value = Int(pair.value), range.contains(value) { return value }
        throw fault(
            pair.column, "\(quoted(pair.value)) is not a fitting number",
            "write a whole number from \(range.lowerBound) to \(range.upperBound)")
    }

    func number(
        _ key: String, _ range: ClosedRange<Double>
    ) throws(WorkloadFault) -> Double? {
        guard let pair = pair(key) else { return nil }
        if let value = Double(pair.value), range.contains(value) { return value }
        throw fault(
            pair.column, "\(quoted(pair.value)) is not a fitting number",
            "write a number from \(range.lowerBound) to \(range.upperBound)")
    }

    func length(_ key: String) throws(WorkloadFault) -> LengthDistribution? {
        guard let pair = pair(key) else { return nil }
        do throws(LengthDistribution.Fault) {
            return try LengthDistribution.parse(pair.value)
        } catch {
            throw fault(pair.column + error.offset, error.message, error.remedy)
        }
    }
}
