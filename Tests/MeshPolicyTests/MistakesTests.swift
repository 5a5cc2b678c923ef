// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import MeshPolicy

/// What is wrong with a text is said with its place and a remedy, all at once.
@Suite("mistakes in expressions")
struct MistakesTests {
    @Test(
        "each mistake says where, what and what to do",
        arguments: [
            ("", "1:1: the end does not fit here; write a value"),
            ("1 +", "1:4: the end does not fit here; write a value"),
            ("(1", "1:3: the end does not fit here; write `)`"),
            ("1 2", "1:3: a number does not fit here; write an operator or the end"),
            ("'abc", "1:1: a string is not closed; close it, or use three quotes"),
            ("'\\q'", "1:2: an escape that means nothing"),
            ("é # b", "1:1: a character that means nothing here"),
            ("'é' # b", "1:5: a character that means nothing here"),
            ("9223372036854775808", "does not fit into an int; write a uint"),
            ("18446744073709551616u", "does not fit into 64 bits"),
            ("for + 1", "1:1: `for` is a reserved word; use another name"),
            (
                "\n  reqest.path == ''",
                "2:3: undeclared name `reqest.path`; did you mean `request.path`?"
            ),
            (
                "request.pth == ''",
                "1:1: undeclared name `request.pth`; did you mean `request.path`?"
            ),
            ("request.method == 1", "1:16: no overload of `==` takes (string, int)"),
            (
                "request.method.startsWith(1)",
                "1:16: no overload of `startsWith` takes (string, int)"
            ),
            ("nosuch(1)", "1:1: there is no function `nosuch`"),
            ("startswith('a')", "did you mean `startsWith`?"),
            ("contains('a', 'b')", "call it on a value, as in `x.contains()`"),
            ("'a'.ip()", "it takes"),
            ("has(request)", "`has()` takes one selection of a field"),
            ("[1].all(1, true)", "`all` takes the name of a variable here"),
            ("[1].exists(a, a, true)", "the variable `a` is named twice"),
            ("1.all(x, true)", "`all` cannot run over int; call it on a list or a map"),
            ("[1].all(x, x)", "1:12: int stands where bool is asked for"),
            ("true ? 1 : 'a'", "the two sides of `?` are int and string"),
            ("1 && true", "1:1: int stands where bool is asked for"),
            ("ai.model.matches('(')", "a group is not closed"),
            ("ai.model.matches('(?=a)')", "look-around"),
            ("{1.5: 2}", "double cannot be the key of a map"),
            ("Foo{a: 1}", "there is no message `Foo`"),
            ("ai.stream.x", "bool has no fields"),
            ("ai.stream[0]", "bool has no elements"),
            ("[1]['a']", "string stands where int is asked for"),
            ("[?1]", "int stands where an optional is asked for"),
            ("math.greatest('a')", "it takes numbers"),
            ("cel.bind(1, 2, 3)", "takes the name of a variable first"),
        ])
    func mistake(text: String, wanted: String) {
        #expect(Sample.mistakes(text).contains(wanted), "\(Sample.mistakes(text))")
    }

    @Test("all mistakes are reported at once, in their order")
    func all() {
        let lines = Sample.mistakes("foo == 1 && request.size == '' &&\n bar(2)").split(
            separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[0].hasPrefix("1:1: undeclared name `foo`"))
        #expect(lines[1].hasPrefix("1:26: no overload of `==`"))
        #expect(lines[2].hasPrefix("2:2: there is no function `bar`"))
    }

    @Test("a rule must be a bool")
    func type() {
        #expect(
            Sample.mistakes("request.size", expecting: .bool)
                == "1:9: the expression is int, but bool is asked for; compare it with something")
        #expect(Sample.mistakes("jwt.claims.admin", expecting: .bool) == "")
    }

    @Test("nesting, length and the count of parts are bounded")
    func bounds() {
        for (open, close) in [("(", ")"), ("[", "]"), ("!(", ")"), ("{1:", "}"), ("size([", "])")] {
            let deep =
                String(repeating: open, count: 2_000) + "1"
                + String(repeating: close, count: 2_000)
            #expect(Sample.mistakes(deep).contains("nested more than 250 deep"))
        }
        let chain = "1" + String(repeating: " + 1", count: 400)
        #expect(Sample.mistakes(chain).contains("nested more than 250 deep"))
        let select = "jwt.claims" + String(repeating: ".a", count: 400)
        #expect(Sample.mistakes(select).contains("nested more than 250 deep"))
        let long = "true" + String(repeating: " && true", count: 2_040)
        #expect(Sample.mistakes(long) == "")
        #expect(Sample.mistakes(long + long).contains("more than 16384"))
        let wide = "[" + String(repeating: "1,", count: 6_000) + "]"
        #expect(Sample.mistakes(wide).contains("more than 5000 parts"))
        let minus = String(repeating: "-", count: 5_000) + "1"
        #expect(Sample.mistakes(minus) == "")
    }
}
