// SPDX-License-Identifier: Apache-2.0

/// Something that code of certain rooms does not say.
struct Ban: Sendable {
    /// What must not stand in the code, as words of its own.
    var text: String
    /// What to write in its place.
    var instead: String
    /// The rooms it is banned in; nil for all pure ones.
    var rooms: [String]?
    /// What within the parentheses that follow makes it right.
    var unlessArgument: String?

    /// A ban of `text` in `rooms`.
    init(
        _ text: String, instead: String, in rooms: [String]? = nil, unlessArgument: String? = nil
    ) {
        self.text = text
        self.instead = instead
        self.rooms = rooms
        self.unlessArgument = unlessArgument
    }

    /// All of them.
    static let all: [Ban] = clocks + chance + effects + safety

    private static let clocks = [
        Ban("Date(", instead: "take `WallTime` as a parameter"),
        Ban(".now", instead: "take `at now: Instant` as the last parameter"),
        Ban("ContinuousClock", instead: "take `at now: Instant` as the last parameter"),
        Ban("SuspendingClock", instead: "take `at now: Instant` as the last parameter"),
        Ban("clock_gettime", instead: "take `at now: Instant` as the last parameter"),
    ]

    private static let chance = [
        Ban(
            ".random(in:", instead: "take `using random: inout SplitMix64` and pass it on",
            unlessArgument: "using:"),
        Ban(".random()", instead: "take `using random: inout SplitMix64` and pass it on"),
        Ban(".shuffled()", instead: "write `.shuffled(using: &random)`"),
        Ban(".shuffle()", instead: "write `.shuffle(using: &random)`"),
        Ban("randomElement()", instead: "write `randomElement(using: &random)`"),
        Ban("SystemRandomNumberGenerator", instead: "take `using random: inout SplitMix64`"),
        Ban("UUID(", instead: "take `using random: inout SplitMix64` and make one of its bits"),
    ]

    private static let effects = [
        Ban("getenv", instead: "take the value as a parameter"),
        Ban("print(", instead: "return what there is to say"),
        Ban("debugPrint(", instead: "return what there is to say"),
        Ban("Task {", instead: "return an order that the driver performs"),
        Ban("Task.", instead: "return an order that the driver performs"),
        Ban("async", instead: "return an order that the driver performs"),
        Ban("await", instead: "return an order that the driver performs"),
        Ban("NSLock", instead: "keep the state in one shard, which one event loop owns"),
        Ban("Mutex", instead: "keep the state in one shard, which one event loop owns"),
        Ban("DispatchQueue", instead: "keep the state in one shard, which one event loop owns"),
    ]

    private static let safety = [
        Ban("try!", instead: "handle the error, or make the failure impossible in the types"),
        Ban("fatalError()", instead: "say in a sentence which promise was broken"),
        Ban(
            "any", instead: "name the one concrete type, or be generic inside the target",
            in: ["MeshRouting", "MeshExchange"]),
        Ban("Double", instead: "use an integer with its unit", in: ["MeshSnapshot"]),
        Ban("Float", instead: "use an integer with its unit", in: ["MeshSnapshot"]),
        Ban("_modifying", instead: "`switch consume self` and assign `self` in every branch"),
    ]
}

/// Every place of pure rooms that says what is banned there.
func bannedWords(in files: [SourceFile]) -> [Finding] {
    files.flatMap { file -> [Finding] in
        guard let name = file.room, let room = Room.named(name), room.isPure else { return [] }
        return Ban.all.flatMap { ban -> [Finding] in
            guard ban.rooms?.contains(name) ?? true else { return [] }
            return occurrences(of: ban.text, in: file.code).compactMap { offset in
                if isName(file.code, at: offset, of: ban) { return nil }
                if let argument = ban.unlessArgument,
                    arguments(in: file.code, from: offset).contains(argument)
                {
                    return nil
                }
                return Finding(
                    path: file.path, line: file.lineNumber(at: offset),
                    message: "`\(ban.text)` is banned in \(name): \(ban.instead)")
            }
        } + forcedUnwraps(in: file)
    }.sorted { ($0.path, $0.line) < ($1.path, $1.line) }
}

/// Whether the banned keyword at `offset` is the name of something there, as in `.any`.
private func isName(_ code: [UInt8], at offset: Int, of ban: Ban) -> Bool {
    guard ["any", "async", "await"].contains(ban.text) else { return false }
    let before = offset > 0 ? code[offset - 1] : 0
    if before == UInt8(ascii: ".") || before == UInt8(ascii: "`") { return true }
    guard ban.text == "any" else { return false }
    let after = code[(offset + 3)...].prefix(2)
    let opensType = after.last.map { $0 == UInt8(ascii: "(") || (0x41...0x5A).contains($0) }
    return after.first != UInt8(ascii: " ") || opensType != true
}

/// The text between the first parenthesis from `offset` on and the one that closes it.
private func arguments(in code: [UInt8], from offset: Int) -> String {
    var depth = 0
    var text: [UInt8] = []
    for byte in code[offset...].prefix(4000) {
        if byte == UInt8(ascii: "(") { depth += 1 }
        if byte == UInt8(ascii: ")") { depth -= 1 }
        if depth > 0 { text.append(byte) }
        if depth == 0, !text.isEmpty { break }
    }
    return String(decoding: text, as: UTF8.self)
}

/// Every `!` that traps on nil: one that directly follows a value or a type.
private func forcedUnwraps(in file: SourceFile) -> [Finding] {
    file.code.withUnsafeBufferPointer { code in
        var found: [Finding] = []
        for offset in 1..<max(1, code.count) where code[offset] == UInt8(ascii: "!") {
            let before = code[offset - 1]
            let follows =
                isWord(before) || before == UInt8(ascii: ")") || before == UInt8(ascii: "]")
            let isComparison = offset + 1 < code.count && code[offset + 1] == UInt8(ascii: "=")
            let word = code[max(0, offset - 3)..<offset].elementsEqual("try".utf8)
            guard follows, !isComparison, !word else { continue }
            let message = "`!` traps on nil: bind with `guard let`, or change the types"
            found.append(
                Finding(path: file.path, line: file.lineNumber(at: offset), message: message))
        }
        return found
    }
}
