// SPDX-License-Identifier: Apache-2.0

/// The signatures of all functions, written as the documentation shows them.
///
/// `[string].size(): int` is called on a string, `size(string): int` with one; `A` and `B` are
/// any types, the same at each place.
enum FunctionTable {
    /// The signatures by the name of the function.
    static let byName: [String: [Signature]] = {
        var table: [String: [Signature]] = [:]
        for text in groups.flatMap(\.signatures) {
            guard let signature = Signature(text) else {
                fatalError("the table of functions holds `\(text)`, which is no signature")
            }
            table[signature.name, default: []].append(signature)
        }
        return table
    }()

    /// A chapter of the documentation.
    struct Group {
        var title: String
        var signatures: [String]
    }

    /// All of them, in the order of the documentation.
    static let groups: [Group] = [
        operators, conversions, texts, dates, numbers, lists, optionals, addresses,
    ]

    private static let comparable = [
        "bool, bool", "int, int", "uint, uint", "double, double", "string, string",
        "bytes, bytes", "timestamp, timestamp", "duration, duration", "int, uint",
        "int, double", "uint, int", "uint, double", "double, int", "double, uint",
    ]

    private static let operators = Group(
        title: "Operators",
        signatures: [
            "_+_(int, int): int", "_+_(uint, uint): uint", "_+_(double, double): double",
            "_+_(string, string): string", "_+_(bytes, bytes): bytes",
            "_+_(list(A), list(A)): list(A)", "_+_(timestamp, duration): timestamp",
            "_+_(duration, timestamp): timestamp", "_+_(duration, duration): duration",
            "_-_(int, int): int", "_-_(uint, uint): uint", "_-_(double, double): double",
            "_-_(timestamp, timestamp): duration", "_-_(timestamp, duration): timestamp",
            "_-_(duration, duration): duration",
            "_*_(int, int): int", "_*_(uint, uint): uint", "_*_(double, double): double",
            "_/_(int, int): int", "_/_(uint, uint): uint", "_/_(double, double): double",
            "_%_(int, int): int", "_%_(uint, uint): uint",
            "!_(bool): bool", "-_(int): int", "-_(double): double",
            "_==_(A, A): bool", "_!=_(A, A): bool",
            "_in_(A, list(A)): bool", "_in_(A, map(A, B)): bool",
        ]
            + ["_<_", "_<=_", "_>_", "_>=_"].flatMap { name in
                comparable.map { "\(name)(\($0)): bool" }
            })

    private static let conversions = Group(
        title: "Types and conversions",
        signatures: [
            "type(A): type(A)", "dyn(A): dyn",
            "bool(bool): bool", "bool(string): bool",
            "int(int): int", "int(uint): int", "int(double): int", "int(string): int",
            "int(timestamp): int", "int(duration): int",
            "uint(uint): uint", "uint(int): uint", "uint(double): uint", "uint(string): uint",
            "double(double): double", "double(int): double", "double(uint): double",
            "double(string): double",
            "string(string): string", "string(bool): string", "string(int): string",
            "string(uint): string", "string(double): string", "string(bytes): string",
            "string(timestamp): string", "string(duration): string", "string(net.IP): string",
            "string(net.CIDR): string",
            "bytes(bytes): bytes", "bytes(string): bytes",
            "timestamp(timestamp): timestamp", "timestamp(string): timestamp",
            "timestamp(int): timestamp",
            "duration(duration): duration", "duration(string): duration",
            "size(string): int", "size(bytes): int", "size(list(A)): int", "size(map(A, B)): int",
            "[string].size(): int", "[bytes].size(): int", "[list(A)].size(): int",
            "[map(A, B)].size(): int",
        ])

    private static let texts = Group(
        title: "Texts and bytes",
        signatures: [
            "[string].contains(string): bool", "[string].startsWith(string): bool",
            "[string].endsWith(string): bool", "[string].matches(string): bool",
            "matches(string, string): bool",
            "[string].charAt(int): string", "[string].indexOf(string): int",
            "[string].indexOf(string, int): int", "[string].lastIndexOf(string): int",
            "[string].lastIndexOf(string, int): int", "[string].lowerAscii(): string",
            "[string].upperAscii(): string", "[string].replace(string, string): string",
            "[string].replace(string, string, int): string",
            "[string].split(string): list(string)", "[string].split(string, int): list(string)",
            "[string].substring(int): string", "[string].substring(int, int): string",
            "[string].trim(): string", "[string].reverse(): string",
            "[list(string)].join(): string", "[list(string)].join(string): string",
            "[string].format(list(dyn)): string", "strings.quote(string): string",
            "base64.encode(bytes): string", "base64.decode(string): bytes",
        ])

    private static let dates = Group(
        title: "Dates and durations",
        signatures: [
            "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours",
            "getMilliseconds", "getMinutes", "getMonth", "getSeconds",
        ].flatMap { ["[timestamp].\($0)(): int", "[timestamp].\($0)(string): int"] }
            + ["getHours", "getMilliseconds", "getMinutes", "getSeconds"].map {
                "[duration].\($0)(): int"
            })

    private static let numbers = Group(
        title: "Numbers",
        signatures: [
            // Both take any count of numbers, or one list of them.
            "math.greatest(A): A", "math.least(A): A",
            "math.ceil(double): double", "math.floor(double): double",
            "math.round(double): double", "math.trunc(double): double",
            "math.abs(int): int", "math.abs(uint): uint", "math.abs(double): double",
            "math.sign(int): int", "math.sign(uint): uint", "math.sign(double): double",
            "math.sqrt(int): double", "math.sqrt(uint): double", "math.sqrt(double): double",
            "math.isNaN(double): bool", "math.isInf(double): bool", "math.isFinite(double): bool",
            "math.bitAnd(int, int): int", "math.bitAnd(uint, uint): uint",
            "math.bitOr(int, int): int", "math.bitOr(uint, uint): uint",
            "math.bitXor(int, int): int", "math.bitXor(uint, uint): uint",
            "math.bitNot(int): int", "math.bitNot(uint): uint",
            "math.bitShiftLeft(int, int): int", "math.bitShiftLeft(uint, int): uint",
            "math.bitShiftRight(int, int): int", "math.bitShiftRight(uint, int): uint",
        ])

    private static let lists = Group(
        title: "Lists and sets",
        signatures: [
            "[list(A)].slice(int, int): list(A)", "[list(A)].flatten(): list(dyn)",
            "[list(A)].flatten(int): list(dyn)", "[list(A)].distinct(): list(A)",
            "[list(A)].sort(): list(A)", "[list(A)].reverse(): list(A)",
            "[list(A)].isSorted(): bool", "[list(A)].sum(): A", "[list(A)].min(): A",
            "[list(A)].max(): A", "[list(A)].indexOf(A): int", "[list(A)].lastIndexOf(A): int",
            "[list(A)].first(): optional_type(A)", "[list(A)].last(): optional_type(A)",
            "lists.range(int): list(int)",
            "sets.contains(list(A), list(A)): bool", "sets.equivalent(list(A), list(A)): bool",
            "sets.intersects(list(A), list(A)): bool",
        ])

    private static let optionals = Group(
        title: "Optionals",
        signatures: [
            "optional.of(A): optional_type(A)", "optional.none(): optional_type(A)",
            "optional.ofNonZeroValue(A): optional_type(A)",
            "optional.unwrap(list(optional_type(A))): list(A)",
            "[list(optional_type(A))].unwrapOpt(): list(A)",
            "[optional_type(A)].hasValue(): bool", "[optional_type(A)].value(): A",
            "[optional_type(A)].or(optional_type(A)): optional_type(A)",
            "[optional_type(A)].orValue(A): A",
        ])

    private static let addresses = Group(
        title: "Addresses and networks",
        signatures: [
            "ip(string): net.IP", "isIP(string): bool", "cidr(string): net.CIDR",
            "isCIDR(string): bool", "ip.isCanonical(string): bool",
            "[net.IP].family(): int", "[net.IP].isUnspecified(): bool",
            "[net.IP].isLoopback(): bool", "[net.IP].isGlobalUnicast(): bool",
            "[net.IP].isLinkLocalMulticast(): bool", "[net.IP].isLinkLocalUnicast(): bool",
            "[net.CIDR].containsIP(net.IP): bool", "[net.CIDR].containsIP(string): bool",
            "[net.CIDR].containsCIDR(net.CIDR): bool", "[net.CIDR].containsCIDR(string): bool",
            "[net.CIDR].ip(): net.IP", "[net.CIDR].masked(): net.CIDR",
            "[net.CIDR].prefixLength(): int",
        ])
}
