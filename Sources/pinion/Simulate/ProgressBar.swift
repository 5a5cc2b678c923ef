// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import MeshBasics
import MeshProxy
import MeshSimulator

/// How far a simulation is, on one line of a terminal that is written over and over; nothing where
/// standard error is no terminal.
final class ProgressBar {
    private let runs: Int
    private let isShown: Bool
    private let started: Instant
    private var shownAt: Instant
    private var name = ""
    private var number = 0
    private var window = Nanoseconds.seconds(1)
    private var simulated = 0.0
    private var isDrawn = false

    private static let width = 30
    private static let interval = Nanoseconds.milliseconds(100)

    /// A bar for so many runs, one after another.
    init(runs: Int) {
        self.runs = runs
        isShown = isatty(STDERR_FILENO) == 1
        started = LiveWorld.now()
        shownAt = started
    }

    /// The next run begins.
    func begin(_ name: String, window: Nanoseconds) {
        self.name = name
        self.window = window
        number += 1
    }

    /// The present run has come to `now`.
    func show(_ now: Instant) {
        guard isShown else { return }
        let time = LiveWorld.now()
        guard time - shownAt >= Self.interval else { return }
        shownAt = time
        let seconds = Double(now.nanoseconds) / 1e9
        let part = min(1, seconds / window.seconds)
        let filled = Int(part * Double(Self.width))
        let bar =
            String(repeating: "#", count: filled)
            + String(repeating: ".", count: Self.width - filled)
        let speed = (simulated + seconds) / max(0.001, (time - started).seconds)
        let which = runs > 1 ? "\(number)/\(runs) " : ""
        let place =
            part < 1
            ? "\(Figure.short(seconds)) of \(Figure.short(window.seconds)) s"
            : "the last requests end"
        draw("\(which)\(name) [\(bar)] \(place), \(Figure.short(speed)) times real time")
    }

    /// A run has ended.
    func add(simulated end: Instant) { simulated += Double(end.nanoseconds) / 1e9 }

    /// Clears the line.
    func end() {
        if isDrawn { write("\r\u{1B}[K") }
        isDrawn = false
    }

    /// What was simulated and how fast.
    var summary: String {
        let seconds = max(0.001, (LiveWorld.now() - started).seconds)
        return "simulated \(Figure.short(simulated)) s in \(Figure.short(seconds)) s, "
            + "\(Figure.short(simulated / seconds)) times real time"
    }

    private func draw(_ line: String) {
        write("\r\(line)\u{1B}[K")
        isDrawn = true
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}
