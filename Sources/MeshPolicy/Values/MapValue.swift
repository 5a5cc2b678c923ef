// SPDX-License-Identifier: Apache-2.0

/// A map of the language: entries in the order in which they were written.
///
/// Keys are bools, ints, uints and strings; a number is the same key whatever its type.
package final class MapValue: Sendable {
    /// The keys, in order.
    let keys: [Value]
    /// The value of each.
    let values: [Value]
    /// Where each key is, in maps with more than a few.
    private let places: [MapKey: Int]

    /// With fewer entries, looking at all of them is faster than hashing.
    private static let listedMax = 8

    /// The map of no entries.
    package static let empty = MapValue(unique: [], [])

    /// The entries `keys[i]: values[i]`.
    ///
    /// **Errors** `.duplicateKey`; `.unsupportedKey` for a key of another type.
    package convenience init(
        keys: [Value], values: [Value]
    ) throws(EvaluationFault) {
        var seen: Set<MapKey> = []
        for key in keys {
            guard let plain = MapKey(key) else {
                throw EvaluationFault(.unsupportedKey, key.typeName)
            }
            guard seen.insert(plain).inserted else {
                throw EvaluationFault(.duplicateKey, key.text)
            }
        }
        self.init(unique: keys, values)
    }

    /// The entries `keys[i]: values[i]` of a map whose keys are known to differ.
    private init(unique keys: [Value], _ values: [Value]) {
        self.keys = keys
        self.values = values
        var places: [MapKey: Int] = [:]
        if keys.count > Self.listedMax {
            places.reserveCapacity(keys.count)
            for (index, key) in keys.enumerated() {
                if let plain = MapKey(key) { places[plain] = index }
            }
        }
        self.places = places
    }

    /// Count of entries.
    package var count: Int { keys.count }

    /// The value of `key`, or nil. A double finds the whole number that it equals.
    package func value(for key: Value) -> Value? {
        index(of: key).map { values[$0] }
    }

    private func index(of key: Value) -> Int? {
        if keys.count <= Self.listedMax, !key.isDouble {
            return keys.firstIndex { $0.equals(key) }
        }
        guard let plain = MapKey(key) ?? MapKey(wholeOf: key) else { return nil }
        return keys.count > Self.listedMax
            ? places[plain] : keys.firstIndex { MapKey($0) == plain }
    }

    /// Whether both have the same keys with equal values.
    func equals(_ other: MapValue) -> Bool {
        guard count == other.count else { return false }
        for (key, value) in zip(keys, values) {
            guard let match = other.value(for: key), match.equals(value) else { return false }
        }
        return true
    }
}

/// A key in a form that can be hashed: equal keys of the language are equal here.
enum MapKey: Hashable {
    case bool(Bool)
    case int(Int64)
    /// Only for numbers that no int can be.
    case uint(UInt64)
    /// As bytes: equality of Swift's strings is not that of the language.
    case string([UInt8])

    /// The key that `value` is, or nil for a type that is no key.
    init?(_ value: Value) {
        switch value {
        case .bool(let key): self = .bool(key)
        case .int(let key): self = .int(key)
        case .uint(let key): self = Int64(exactly: key).map(MapKey.int) ?? .uint(key)
        case .string(let key): self = .string(Array(key.utf8))
        default: return nil
        }
    }

    /// The whole number that a double equals.
    init?(wholeOf value: Value) {
        guard case .double(let number) = value else { return nil }
        if let key = Int64(exactly: number) {
            self = .int(key)
        } else if let key = UInt64(exactly: number) {
            self = .uint(key)
        } else {
            return nil
        }
    }
}
