// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshTelemetry
import Testing

@Suite("Tables of label sets")
struct SeriesTableTests {
    @Test("a label set keeps its number and the bound is held by the series called other")
    func bound() {
        var table = SeriesTable(overflow: "other", limit: 3)
        #expect(table.number(of: "a") == 1)
        #expect(table.number(of: "b") == 2)
        #expect(table.number(of: "a") == 1)
        #expect(table.number(of: "c") == 3)
        #expect(table.number(of: "d") == 0)
        #expect(table.number(of: "e") == 0)
        #expect(table.number(of: "c") == 3)
        #expect(table.dropped == 2)
        #expect(table.count == 4)
    }

    @Test("a label set that is named like the overflow is the overflow")
    func namedOther() {
        var table = SeriesTable(overflow: "other", limit: 3)
        #expect(table.number(of: "other") == 0)
        #expect(table.dropped == 0)
    }

    @Test("variants belong to their owner and are found again behind the first")
    func variants() {
        var table = VariantTable(limit: 4)
        table.grow(to: 2)
        let a = table.number(of: 200, owner: 0)
        let b = table.number(of: 404, owner: 0)
        let c = table.number(of: 200, owner: 1)
        #expect([a, b, c] == [1, 2, 3])
        #expect(table.number(of: 200, owner: 0) == a)
        #expect(table.number(of: 404, owner: 0) == b)
        #expect(table.number(of: 200, owner: 1) == c)
        #expect(table.number(of: 500, owner: 1) == 4)
        #expect(table.number(of: 501, owner: 1) == 0)
        #expect(table.dropped == 1)
        #expect(table.entries[4].owner == 1)
    }

    @Test("a control character or a long text cannot become a label")
    func labels() {
        #expect(LabelValue.bounded("plain ünïcode \"quoted\"") == "plain ünïcode \"quoted\"")
        let controls = LabelValue.bounded("a\u{0}b\u{1B}[31m\n\u{7F}")
        #expect(controls == "a\u{FFFD}b\u{FFFD}[31m\u{FFFD}\u{FFFD}")
        let long = LabelValue.bounded(String(repeating: "ü", count: 500))
        #expect(long == String(repeating: "ü", count: Limits.labelBytes / 2))
        let odd = LabelValue.bounded("x" + String(repeating: "ü", count: 500))
        #expect(odd.utf8.count == Limits.labelBytes - 1)
    }

    @Test("codes of equal text have one number wherever they were written")
    func errorCodes() {
        var table = ErrorCodeTable()
        let first = table.number(of: "no-route")
        #expect(table.number(of: "budget-exhausted") != first)
        #expect(table.number(of: "no-route") == first)
        #expect(table.number(of: "no-rout") != first)
        #expect(table.number(of: "") == 0)
        #expect(table.number(of: "other") == 1)
        #expect(first > 1)
    }
}
