// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import MeshSimulator

struct FigureTests {
    @Test(
        "numbers read well",
        arguments: [
            (0, 0, "0"), (1234.5, 0, "1,235"), (1_234_567.891, 2, "1,234,567.89"),
            (-0.04, 1, "0.0"), (-1.25, 1, "-1.3"), (0.05, 3, "0.050"), (999.96, 1, "1,000.0"),
        ])
    func fixed(value: Double, decimals: Int, text: String) {
        #expect(Figure.fixed(value, decimals: decimals) == text)
    }

    @Test(
        "times have the unit that suits them",
        arguments: [
            (12, "12 ns"), (1500, "1.50 µs"), (41_230_000, "41.2 ms"), (1.3e9, "1.30 s"),
            (250e9, "250 s"),
        ])
    func time(value: Double, text: String) {
        #expect(Figure.time(value) == text)
    }

    @Test("changes have a sign")
    func change() {
        #expect(Figure.change(0.123) == "+12 %")
        #expect(Figure.change(-0.0345) == "-3.5 %")
        #expect(Figure.change(2) == "+200 %")
    }
}
