// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshPolicy

@Suite("values of the language")
struct ValueTests {
    @Test(
        "what is true is true",
        arguments: [
            // Strings are code points, not canonical equivalence.
            "'\\u00e9' != 'e\\u0301'", "size('e\\u0301') == 2",
            "{'\\u00e9': 1, 'e\\u0301': 2}.size() == 2",
            // Numbers of different types.
            "dyn(1) == 1.0", "dyn(1u) == 1", "dyn(-1) < 1u", "dyn(1) in {1u: 'a'}",
            "{1: 'a', 2: 'b', 3: 'c', 4: 'd', 5: 'e', 6: 'f', 7: 'g', 8: 'h', 9: 'i'}"
                + "[dyn(9.0)] == 'i'",
            "!(dyn(9.5) in {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1})",
            // Absorption, in both orders.
            "!(1/0 > 0 && false)", "1/0 > 0 || true", "true || 1/0 > 0",
            "[0, 1].exists(x, 1/x > 0)", "![0, 1].all(x, 1/x < 0)",
            // Times.
            "timestamp('2024-02-29T12:00:00+02:00').getDayOfYear() == 59",
            "timestamp('1969-12-31T23:59:59.5Z') < timestamp(0)",
            "string(timestamp('1969-12-31T23:59:59.500Z')) == '1969-12-31T23:59:59.5Z'",
            "timestamp('2024-03-01T00:00:00Z') - timestamp('2024-02-28T00:00:00Z') "
                + "== duration('48h')",
            "duration('1h30m1.5s').getMinutes() == 90", "string(duration('-90ms')) == '-0.09s'",
            "duration('1.5h') == duration('90m')", "int(duration('90s')) == 90",
            // Texts.
            "'%.2f|%e|%x'.format([2.675, 0.00012345, -255]) == '2.67|1.234500e-04|-ff'",
            "'%.0f %.0f %.1f'.format([0.5, 1.5, 0.25]) == '0 2 0.2'",
            "'%.3f'.format([1e22]) == '10000000000000000000000.000'",
            "'%.2f'.format([9.999]) == '10.00'", "'%.1e'.format([9.96]) == '1.0e+01'",
            "'%.2f'.format([0.001]) == '0.00'", "'%.5f'.format([0.00002]) == '0.00002'",
            "'a,b,c'.split(',', 2) == ['a', 'b,c']", "'abc'.split('') == ['a', 'b', 'c']",
            "'aaa'.replace('a', 'b', 2) == 'bba'", "'ab'.replace('', '-') == '-a-b-'",
            "'éa'.indexOf('a') == 1", "'éaé'.lastIndexOf('é') == 2",
            "string(1e100) == '1e+100'", "string(-0.0) == '-0'", "string(1.0) == '1'",
            "base64.decode('aGk') == b'hi'", "base64.encode(b'hi!?') == 'aGkhPw=='",
            // Lists and sets.
            "[3, 1, 2].sort() == [1, 2, 3]", "[1, [2, [3]]].flatten(2) == [1, 2, 3]",
            "[1, 1.0, 2].distinct().size() == 2", "lists.range(3) == [0, 1, 2]",
            "sets.intersects([1, 2], [2, 3])", "!sets.contains([1], [1, 2])",
            "[1, 2, 3].sum() == 6", "[2, 9, 4].max() == 9", "[1, 2, 2].lastIndexOf(2) == 2",
            // Addresses.
            "string(ip('2001:0db8:0:0:1:0:0:1')) == '2001:db8::1:0:0:1'",
            "string(ip('::')) == '::'", "string(ip('1::')) == '1::'",
            "cidr('0.0.0.0/0').containsIP('255.1.2.3')", "cidr('::/0').containsIP('::1')",
            "!cidr('::/0').containsIP('1.2.3.4')", "!isIP('01.2.3.4')", "!isCIDR('1.2.3.4/33')",
            "!isIP('1:2:3:4:5:6:7:8:9')", "!isIP('1::2::3')", "!isIP(':1')", "!isIP('1:')",
            // Macros.
            "cel.bind(x, 1/0, true)", "[1, 2].transformMap(i, v, v * 2) == {0: 2, 1: 4}",
            "{'a': 1}.transformMapEntry(k, v, {v: k}) == {1: 'a'}",
            "optional.of(1).optMap(x, x + 1).value() == 2",
        ])
    func holds(text: String) throws {
        #expect(try Sample.value(text).isTrueBool)
    }

    @Test(
        "what has no value says why",
        arguments: [
            ("1 / 0", EvaluationFault.Code.divisionByZero),
            ("9223372036854775807 + 1", .overflow), ("-9223372036854775808 / -1", .overflow),
            ("-(-9223372036854775808)", .overflow), ("1u - 2u", .overflow),
            ("{'a': 1}['b']", .noSuchKey), ("[1][1]", .indexOutOfRange),
            ("[1][-1]", .indexOutOfRange),
            ("dyn('a') + 1", .noSuchOverload), ("dyn(1) ? 1 : 2", .noSuchOverload),
            ("int('1x')", .invalidConversion),
            ("timestamp('2024-02-30T00:00:00Z')", .invalidConversion),
            ("int(1e19)", .overflow), ("uint(-1)", .overflow), ("{1: 1, 1u: 2}", .duplicateKey),
            ("{dyn(1.5): 1}", .unsupportedKey), ("optional.none().value()", .emptyOptional),
            ("'a'.substring(2)", .indexOutOfRange), ("'%s'.format([])", .invalidArgument),
            ("'%.999f'.format([1.0])", .invalidArgument), ("ip('1.2.3')", .invalidConversion),
            ("timestamp(0).getHours('Mars/Base')", .invalidArgument),
            ("['('].map(x, 'a'.matches(x))", .invalidArgument),
            ("lists.range(1000000000)", .costExceeded),
        ])
    func fails(text: String, code: EvaluationFault.Code) throws {
        do {
            let value = try Sample.value(text)
            Issue.record("\(text) gives \(value.text)")
        } catch let fault as EvaluationFault {
            #expect(fault.code == code, "\(fault)")
        }
    }

    @Test("doubles of all sizes are written exactly as the C library writes them")
    func doubles() throws {
        let largest = [
            "1797693134862315708145274237317043567980705675258449965989174768031572",
            "6078002853876058955863276687817154045895351438246423432132688946418276",
            "8467546703537516986049910576551282076245490090389328944075868508455133",
            "9423045832369032229481658085593321233482747978262041447231687381771809",
            "19299881250404026184124858368",
        ].joined()
        let cases: [(Double, Int, String)] = [
            (0.1, 20, "0.10000000000000000555"), (.leastNonzeroMagnitude, 3, "0.000"),
            (.greatestFiniteMagnitude, 0, largest), (123456.789, 2, "123456.79"),
            (0.000123, 6, "0.000123"), (2.5, 0, "2"), (-0.5, 0, "-0"),
        ]
        for (value, places, text) in cases {
            #expect(DoubleText.fixed(value, precision: places) == text)
        }
        #expect(DoubleText.scientific(.leastNonzeroMagnitude, precision: 3) == "4.941e-324")
        #expect(DoubleText.scientific(0, precision: 2) == "0.00e+00")
    }

    @Test("days and dates are each other's inverse over the whole range")
    func dates() {
        var days: Int64 = -719_162
        while days < 2_932_897 {
            let date = CivilDate(daysSinceEpoch: days)
            #expect(date.daysSinceEpoch == days)
            #expect(date.day >= 1 && date.day <= CivilDate.days(inMonth: date.month, of: date.year))
            days += 97
        }
        #expect(CivilDate(daysSinceEpoch: -719_162) == CivilDate(year: 1, month: 1, day: 1))
        #expect(CivilDate(daysSinceEpoch: 0) == CivilDate(year: 1970, month: 1, day: 1))
    }

    @Test("a time zone file is read, and a broken one is not")
    func zones() throws {
        guard let berlin = Zones.named(in: "'Europe/Berlin'")["Europe/Berlin"] else {
            print("skipped: no time zone files on this machine")
            return
        }
        #expect(berlin.offset(at: 1_700_000_000) == 3_600)
        #expect(berlin.offset(at: 1_690_000_000) == 7_200)
        #expect(TimeZoneRules(tzif: Array("TZif2".utf8)) == nil)
        #expect(TimeZoneRules(tzif: []) == nil)
    }

    @Test("every function of the table can be called, and every signature is read")
    func table() {
        let named = Set(FunctionTable.byName.keys)
        #expect(named == Set(Function.allCases.map(\.rawValue)))
        #expect(FunctionTable.groups.flatMap(\.signatures).allSatisfy { Signature($0) != nil })
    }
}
