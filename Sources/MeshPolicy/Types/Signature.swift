// SPDX-License-Identifier: Apache-2.0

/// What a function takes and gives.
package struct Signature: Hashable, Sendable {
    /// The name, with the namespace that it is in.
    package let name: String
    /// Whether the first parameter stands before a dot.
    let isMember: Bool
    /// Types of all parameters, the receiver first.
    let parameters: [Type]
    let result: Type
    /// The unknown types that it names, sorted.
    let unknowns: [String]

    /// The signature that `text` spells, as `[string].charAt(int): string`, or nil.
    package init?(_ text: String) {
        var reader = SignatureReader(text)
        var parameters: [Type] = []
        isMember = reader.take("[")
        if isMember {
            guard let receiver = reader.type(), reader.take("]"), reader.take(".") else {
                return nil
            }
            parameters.append(receiver)
        }
        name = reader.upTo("(")
        guard !name.isEmpty, reader.take("(") else { return nil }
        while !reader.take(")") {
            guard let parameter = reader.type() else { return nil }
            parameters.append(parameter)
            _ = reader.take(",")
        }
        guard reader.take(":"), let result = reader.type(), reader.isAtEnd else { return nil }
        self.parameters = parameters
        self.result = result
        unknowns = Self.unknowns(of: parameters + [result])
    }

    private static func unknowns(of types: [Type]) -> [String] {
        var names: Set<String> = []
        func collect(_ type: Type) {
            if case .parameter(let name) = type { names.insert(name) }
            for inner in type.parameters { collect(inner) }
        }
        for type in types { collect(type) }
        return names.sorted()
    }

    /// The parameters as a person writes them, for messages.
    var shape: String {
        let texts = parameters.map(\.description)
        return isMember
            ? "(\(texts[0])).(\(texts.dropFirst().joined(separator: ", ")))"
            : "(\(texts.joined(separator: ", ")))"
    }
}

extension Type {
    /// The type that `text` spells, as `map(string, list(int))`, or nil.
    package init?(_ text: String) {
        var reader = SignatureReader(text)
        guard let type = reader.type(), reader.isAtEnd else { return nil }
        self = type
    }
}

/// Reads types and the marks between them.
private struct SignatureReader {
    private let bytes: [UInt8]
    private var index = 0
    private var depth = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    var isAtEnd: Bool { index == bytes.count }

    private mutating func skipBlanks() {
        while index < bytes.count, bytes[index] == UInt8(ascii: " ") { index += 1 }
    }

    mutating func take(_ mark: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard index < bytes.count, UInt32(bytes[index]) == mark.value else { return false }
        index += 1
        return true
    }

    mutating func upTo(_ mark: Unicode.Scalar) -> String {
        skipBlanks()
        let begin = index
        while index < bytes.count, UInt32(bytes[index]) != mark.value { index += 1 }
        return String(decoding: bytes[begin..<index], as: UTF8.self)
    }

    mutating func type() -> Type? {
        guard depth < 32 else { return nil }
        skipBlanks()
        let begin = index
        while index < bytes.count, !Array("(),:] ".utf8).contains(bytes[index]) { index += 1 }
        let name = String(decoding: bytes[begin..<index], as: UTF8.self)
        var parameters: [Type] = []
        if take("(") {
            depth += 1
            defer { depth -= 1 }
            repeat {
                guard let parameter = type() else { return nil }
                parameters.append(parameter)
            } while take(",")
            guard take(")") else { return nil }
        }
        return Self.type(name, parameters)
    }

    private static func type(_ name: String, _ parameters: [Type]) -> Type? {
        switch (name, parameters.count) {
        case ("", _): nil
        case ("dyn", 0): .dyn
        case ("null", 0): .null
        case ("bool", 0): .bool
        case ("int", 0): .int
        case ("uint", 0): .uint
        case ("double", 0): .double
        case ("string", 0): .string
        case ("bytes", 0): .bytes
        case ("duration", 0): .duration
        case ("timestamp", 0): .timestamp
        case ("list", 1): .list(parameters[0])
        case ("map", 2): .map(parameters[0], parameters[1])
        case ("type", 1): .type(parameters[0])
        case (_, 0) where name.utf8.count == 1: .parameter(name)
        default: .opaque(name, parameters)
        }
    }
}
