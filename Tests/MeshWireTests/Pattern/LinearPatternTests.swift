// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import Testing

@testable import MeshWire

private func whole(_ pattern: String, _ text: String) throws -> Bool {
    let bytes = Array(text.utf8)
    return try LinearPattern(pattern).matchesWhole(bytes.span.bytes)
}

private func part(_ pattern: String, _ text: String) throws -> Bool {
    let bytes = Array(text.utf8)
    return try LinearPattern(pattern).contains(bytes.span.bytes)
}

@Suite("Linear patterns")
struct LinearPatternTests {
    @Test(
        "whole matches",
        arguments: [
            ("", "", "a"), ("abc", "abc", "ab"), ("a.c", "aéc", "a\nc"), ("(?s)a.c", "a\nc", "ac"),
            ("a|b|", "", "ab"), ("(ab|a)(bc|c)?", "abc", "abcbc"), ("a*", "aaa", "aab"),
            ("a+?", "aa", ""), ("a??b", "ab", "aab"), ("a{2}", "aa", "aaa"), ("a{2,}", "aaaa", "a"),
            ("a{2,3}", "aaa", "aaaa"), ("a{0}", "", "a"), ("a{,2}", "a{,2}", "aa"), ("{", "{", ""),
            ("a{x}", "a{x}", "a"), ("[a-c]x", "bx", "dx"), ("[^a-c]", "d", "b"), ("[]a]", "]", "b"),
            ("[^]a]", "b", "]"), ("[a-]", "-", "b"), ("[-a]", "-", "b"), ("[a\\-z]", "-", "m"),
            ("[\\d_]+", "1_2", "a"), ("\\w+\\s\\S", "ab_9 x", "ab9x"), ("\\D\\W", "a-", "1a"),
            ("[[:alpha:]]+", "aZ", "a1"), ("[[:^digit:]]", "a", "1"),
            ("[[:alpha:][:digit:]]", "1", "-"),
            ("[[:x]+", "[:x", "a"), ("[^\\n]", "é", "\n"), ("[^\\D]", "5", "a"),
            ("(?i)aB", "Ab", "ac"),
            ("(?i)[^a]", "b", "A"), ("(?i:a)b", "Ab", "AB"), ("a(?i)b|c", "aB", "AB"),
            ("(?i)a(?-i)b", "Ab", "AB"), ("(?is)A.", "a\n", "b\n"), ("^a$", "a", "ba"),
            ("\\Aa\\z", "a", "a\n"), ("a^b", "", "ab"), ("(^a|b)*", "ab", "ba"),
            ("(a$|b)*", "ba", "ab"),
            ("$^", "", "a"), ("\\x41\\x{1F600}", "A😀", "a😀"), ("[é-ü]", "ö", "z"), (".", "😀", "ab"),
            ("\\Qa.b\\E+", "a.bb", "axb"), ("\\Qa.b", "a.b", "axb"), ("(?P<x>a)(?<y>b)", "ab", "a"),
            ("\\.\\*\\/\\-\\_", ".*/-_", "a"), ("(a*)*", "aaa", "b"), ("(a*)+b", "aab", "aa"),
            ("(|a)+", "aa", "b"), ("((a?)?)?", "a", "aa"), ("(?:)", "", "a"), ("()*", "", "a"),
            ("/v1/(chat|text)/.*", "/v1/chat/x?y=1", "/v2/chat/x"), ("a{0,2}?b", "aab", "aaab"),
            ("(a{2}){2}", "aaaa", "aaa"), ("a.*b.*c", "axxbyyc", "axxcyyb"), ("\\t", "\t", "t"),
            ("[\\x00-\\x1f]", "\u{1}", "a"), ("[a-a]", "a", "b"), ("x*^", "", "x"),
        ])
    func matches(pattern: String, text: String, other: String) throws {
        let isGuarded = pattern == "a^b"
        #expect(try whole(pattern, text) == !isGuarded, "\(pattern) \(text)")
        #expect(try !whole(pattern, other), "\(pattern) \(other)")
    }

    @Test(
        "parts of a text",
        arguments: [
            ("b", "abc", true), ("^b", "abc", false), ("^a", "abc", true), ("c$", "abc", true),
            ("b$", "abc", false), ("", "", true), ("x*", "abc", true), ("^$", "a", false),
            ("b\nc", "ab\ncd", true), ("^abc$", "abc", true), ("(a|bc)d", "xbcd", true),
            ("a{3}", "aabaa", false),
        ])
    func contains(pattern: String, text: String, isFound: Bool) throws {
        #expect(try part(pattern, text) == isFound)
    }

    @Test("bytes that are not UTF-8 count as U+FFFD")
    func invalidText() throws {
        let bytes: [UInt8] = [0x61, 0xFF, 0xC3, 0x62]
        for (pattern, isFound) in [
            ("a..b", true), ("a[^x][^x]b", true), ("a.b", false), ("a\\x{FFFD}{2}b", true),
            ("a[é-ü].b", false),
        ] {
            let found = try LinearPattern(pattern).matchesWhole(bytes.span.bytes)
            #expect(found == isFound, "\(pattern)")
        }
    }

    @Test(
        "what cannot be matched in linear time, or not at all, is refused with its place",
        arguments: [
            ("a(b", .unclosedGroup, 1), ("ab)", .unopenedGroup, 2), ("é[a", .unclosedClass, 2),
            ("[]", .unclosedClass, 0), ("a\\", .trailingBackslash, 1), ("*a", .nothingToRepeat, 0),
            ("a|+", .nothingToRepeat, 2), ("({2})", .nothingToRepeat, 1),
            ("a**", .doubledRepeat, 2),
            ("a{2}{3}", .doubledRepeat, 4), ("a++", .doubledRepeat, 2),
            ("a{3,2}", .repeatOutOfOrder, 1),
            ("a{1001}", .repeatTooLarge, 1), ("a{1,99999999999999999999}", .repeatTooLarge, 1),
            ("(a)\\1", .backReference, 3), ("\\k<a>", .backReference, 0),
            ("(?P=a)", .backReference, 0),
            ("a(?=b)", .lookAround, 1), ("(?!b)", .lookAround, 0), ("(?<=b)", .lookAround, 0),
            ("(?<!b)", .lookAround, 0), ("(?>a)", .atomicGroup, 0), ("\\bx", .wordBoundary, 0),
            ("\\pL", .unicodeClass, 0), ("[\\p{L}]", .unicodeClass, 1), ("(?m)a", .unknownFlag, 2),
            ("(?)", .unknownFlag, 2), ("(?-:a)", .unknownFlag, 3), ("(?i", .unclosedGroup, 0),
            ("\\y", .unknownEscape, 0), ("\\x4", .unknownEscape, 0), ("\\x{}", .unknownEscape, 0),
            ("[[:nope:]]", .unknownClassName, 1), ("[z-a]", .rangeOutOfOrder, 1),
            ("[a-\\d]", .rangeOutOfOrder, 1), ("\\x{D800}", .invalidScalar, 0),
            ("\\x{110000}", .invalidScalar, 0), ("(?P<a-b>x)", .invalidGroupName, 4),
            ("(?<>x)", .invalidGroupName, 3), ("\\8", .backReference, 0),
            ("[\\b]", .unknownEscape, 1),
        ] as [(String, PatternFault.Reason, Int)])
    func refused(pattern: String, reason: PatternFault.Reason, offset: Int) {
        #expect(throws: PatternFault(reason, at: offset)) { try LinearPattern(pattern) }
    }

    @Test("every reason has its own sentence")
    func sentences() {
        let all = PatternFault.Reason.allCases.map { "\(PatternFault($0, at: 0).message)" }
        #expect(Set(all).count == all.count)
    }

    @Test(
        "patterns that would grow without bound are refused",
        arguments: [
            "(a{100}){101}", "((a{10}){10}){101}", "(?:(?:(?:){1000}){1000}){1000}",
            "((((((a*)*){99}){99}){99}){99}){99}", "[ab]{1000}{0}|(c{1000}){1000}",
            String(repeating: "a", count: 10_001), String(repeating: "|", count: 60_000),
        ])
    func bounded(pattern: String) {
        #expect {
            try LinearPattern(pattern)
        } throws: { error in
            let reason = (error as? PatternFault)?.reason
            return reason == .tooLarge || reason == .doubledRepeat
        }
    }

    @Test("groups nest 100 deep and no deeper")
    func depth() throws {
        let open = String(repeating: "(", count: 100)
        let close = String(repeating: ")", count: 100)
        #expect(try whole(open + "a" + close, "a"))
        #expect(throws: PatternFault.self) { try LinearPattern("(" + open + "a" + close + ")") }
        let deep = String(repeating: "(", count: 1_000_000)
        #expect(throws: PatternFault(.tooDeep, at: 101)) { try LinearPattern(deep) }
    }

    @Test("patterns are equal when their bytes are")
    func equality() throws {
        #expect(try LinearPattern("é") == LinearPattern("é"))
        #expect(try LinearPattern("\u{E9}") != LinearPattern("e\u{301}"))
    }
}

@Suite("Linear patterns take linear time")
struct PatternTimeTests {
    @Test(
        "the steps for 64 KiB are at most a few for each byte",
        arguments: [
            "(a+)+$", "(a|a)*$", "(a|aa)+$", "(.*)(.*)(.*)=$", "(a*)*b", "([a-z]+)*x?",
        ])
    func hostile(pattern: String) throws {
        let compiled = try LinearPattern(pattern)
        for size in [1 << 12, 1 << 16] {
            let text = Array(repeating: UInt8(ascii: "a"), count: size - 1) + [UInt8(ascii: "!")]
            let steps = compiled.stepCount(text.span.bytes)
            let found = compiled.matchesWhole(text.span.bytes)
            #expect(steps <= 2 * size && steps >= size / 2, "\(pattern)")
            #expect(!found)
        }
    }

    @Test("without a table too, steps are at most instructions times bytes")
    func threads() throws {
        let tree = try PatternParser.parse("(a+)+$")
        let machine = try PatternMachine(tree, table: false)
        let text = Array(repeating: UInt8(ascii: "a"), count: (1 << 16) - 1) + [UInt8(ascii: "!")]
        var steps = 0
        let found = machine.matches(text.span.bytes, steps: &steps)
        #expect(!found)
        #expect(steps <= machine.program.instructions.count * (text.count + 1))
    }

    @Test("a pattern of exponentially many states is matched without a table")
    func exponential() throws {
        let pattern = try LinearPattern("(a|b)*a(a|b){14}")
        #expect(!pattern.hasTable)
        #expect(try LinearPattern("(a|b)*a(a|b){6}").hasTable)
        var random = SplitMix64(seed: 3)
        for round in 0..<200 {
            let text = (0..<15 + random.below(20)).map { _ in
                random.below(2) == 0 ? UInt8(ascii: "a") : UInt8(ascii: "b")
            }
            let expected = text[text.count - 15] == UInt8(ascii: "a")
            let found = pattern.matchesWhole(text.span.bytes)
            #expect(found == expected, "seed 3 round \(round)")
        }
    }
}
