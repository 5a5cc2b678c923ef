// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics

/// The one place where the model server looks at the calendar.
enum LiveWorld {
    /// The present, as the calendar has it.
    static func wallTime() -> WallTime {
        WallTime(nanoseconds: Int64(Date().timeIntervalSince1970 * 1e9))
    }
}
