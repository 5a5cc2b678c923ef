// SPDX-License-Identifier: Apache-2.0

/// How often one looks, and what each look may cost.
///
/// Who tests again and again while observations come in finds a difference in the end, where
/// there is none. So a test is made only when the observations have grown by a quarter since the
/// last one, and the `k`th look spends 1 / (k (k + 1)) of the doubt that there is: the sum over
/// all looks, without end, is the whole of it.
///
/// **Source** Lan, DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70,
/// 1983, for spending; Armitage, McPherson, Rowe, "Repeated significance tests on accumulating
/// data", 1969, for what becomes of those who do not.
enum Looks {
    /// The number of the look that `samples` observations allow, from 1; 0 below `least`.
    static func number(at samples: UInt64, least: Int) -> Int {
        var next = UInt64(max(1, least))
        var number = 0
        while samples >= next, number < Limits.looks {
            number += 1
            next += max(1, next / 4)
        }
        return number
    }

    /// The part of `doubt` that look `number` may spend.
    static func share(_ doubt: Double, of number: Int) -> Double {
        let k = Double(max(1, number))
        return doubt / (k * (k + 1))
    }
}
