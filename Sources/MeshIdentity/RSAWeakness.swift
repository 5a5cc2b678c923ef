// SPDX-License-Identifier: Apache-2.0

/// Tells RSA keys whose factors can be found from what the modulus looks like.
enum RSAWeakness {
    /// Whether the modulus, big-endian, has the fingerprint of keys made by the flawed library of
    /// CVE-2017-15361: modulo each of many small primes it is a power of 65537.
    ///
    /// **Source** Nemec, Sys, Svenda, Klinec, Matyas, "The Return of Coppersmith's Attack", CCS
    /// 2017, section 2.1. The chance that a sound key looks so is below 2 to the power of -100.
    static func isROCA(_ modulus: [UInt8]) -> Bool {
        primes.allSatisfy { prime in
            let rest = modulus.reduce(0) { ($0 << 8 | Int($1)) % prime }
            var power = 1
            repeat {
                if power == rest { return true }
                power = power * 65_537 % prime
            } while power != 1
            return false
        }
    }

    private static let primes = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
        97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ]
}
