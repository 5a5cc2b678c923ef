// SPDX-License-Identifier: Apache-2.0

/// Every function and operator, by the name under which it is called.
///
/// What each takes and gives is in `FunctionTable`.
enum Function: String, CaseIterable {
    // Operators.
    case add = "_+_"
    case subtract = "_-_"
    case multiply = "_*_"
    case divide = "_/_"
    case remainder = "_%_"
    case not = "!_"
    case negate = "-_"
    case equal = "_==_"
    case notEqual = "_!=_"
    case less = "_<_"
    case lessOrEqual = "_<=_"
    case greater = "_>_"
    case greaterOrEqual = "_>=_"
    case isIn = "_in_"
    // Conversions and types.
    case size, type, dyn, bool, int, uint, double, string, bytes, duration, timestamp
    // Texts.
    case contains, startsWith, endsWith, matches, charAt, indexOf, lastIndexOf, lowerAscii
    case upperAscii, replace, split, substring, trim, join, format, reverse
    case quote = "strings.quote"
    case base64Encode = "base64.encode"
    case base64Decode = "base64.decode"
    // Dates.
    case getDate, getDayOfMonth, getDayOfWeek, getDayOfYear, getFullYear, getHours
    case getMilliseconds, getMinutes, getMonth, getSeconds
    // Numbers.
    case greatest = "math.greatest"
    case least = "math.least"
    case ceil = "math.ceil"
    case floor = "math.floor"
    case round = "math.round"
    case trunc = "math.trunc"
    case abs = "math.abs"
    case sign = "math.sign"
    case sqrt = "math.sqrt"
    case isNaN = "math.isNaN"
    case isInf = "math.isInf"
    case isFinite = "math.isFinite"
    case bitAnd = "math.bitAnd"
    case bitOr = "math.bitOr"
    case bitXor = "math.bitXor"
    case bitNot = "math.bitNot"
    case bitShiftLeft = "math.bitShiftLeft"
    case bitShiftRight = "math.bitShiftRight"
    // Lists and sets.
    case slice, flatten, distinct, sort, sum, min, max, isSorted, first, last
    case range = "lists.range"
    case setsContains = "sets.contains"
    case setsEquivalent = "sets.equivalent"
    case setsIntersects = "sets.intersects"
    // Optionals.
    case optionalOf = "optional.of"
    case optionalNone = "optional.none"
    case optionalOfNonZero = "optional.ofNonZeroValue"
    case unwrap = "optional.unwrap"
    case unwrapOpt, hasValue, value, or, orValue
    // Addresses.
    case ip, cidr, isIP, isCIDR, family, isUnspecified, isLoopback, isGlobalUnicast
    case isLinkLocalMulticast, isLinkLocalUnicast, containsIP, containsCIDR, masked, prefixLength
    case isCanonical = "ip.isCanonical"
}
