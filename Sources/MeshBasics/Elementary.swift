// SPDX-License-Identifier: Apache-2.0

/// The few functions of analysis that decisions and workloads need, with the same bits on every
/// machine.
///
/// The C library's differ in the last place from one version to the next, and one different bit
/// in an arrival time is a different run, or another target for a caller.
package enum Elementary {
    private static let ln2High = 6.931_471_803_691_238_2e-01
    private static let ln2Low = 1.908_214_929_270_587_7e-10

    /// The natural logarithm of `x`, which is positive and normal; relative error below 1e-15.
    ///
    /// **Source**: ln(m) = 2 artanh((m - 1) / (m + 1)), with m within a factor of √2 of 1.
    package static func ln(_ x: Double) -> Double {
        var exponent = Double(x.exponent)
        var m = x.significand
        if m > 1.414_213_562_373_095 {
            m /= 2
            exponent += 1
        }
        let s = (m - 1) / (m + 1)
        let square = s * s
        var sum = 0.0
        var odd = 23.0
        while odd >= 1 {
            sum = sum * square + 1 / odd
            odd -= 2
        }
        return exponent * ln2High + (2 * s * sum + exponent * ln2Low)
    }

    /// e to the power of `x`; 0 below -700, and e^700 above 700.
    package static func exp(_ x: Double) -> Double {
        guard x > -700 else { return 0 }
        let clamped = Swift.min(x, 700)
        let power = (clamped / (ln2High + ln2Low)).rounded()
        let rest = (clamped - power * ln2High) - power * ln2Low
        var sum = 1.0
        var n = 16.0
        while n >= 1 {
            sum = 1 + sum * rest / n
            n -= 1
        }
        return sum * Double(sign: .plus, exponent: Int(power), significand: 1)
    }
}
