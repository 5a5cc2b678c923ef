// SPDX-License-Identifier: Apache-2.0

import Testing

extension MistakesTests {
    private static func rule(_ message: String, _ rule: String) -> Mistake {
        Mistake(
            message,
            Piece.gateway + Piece.web + Piece.llm + Piece.model("m")
                + Piece.route("uses-web") + Piece.route("r", rules: rule))
    }

    static let filters: [Mistake] = [
        rule(
            "a rule with a `RequestRedirect` has `backendRefs`",
            """
                - matches: [{path: {value: /r}}]
                  filters:
                    - type: RequestRedirect <<<
                      requestRedirect: {hostname: a.test}
            \(Piece.toWeb)
            """),
        rule(
            "a `URLRewrite` stands beside the `RequestRedirect`",
            """
                - matches: [{path: {value: /r}}]
                  filters:
                    - type: RequestRedirect
                      requestRedirect: {hostname: a.test}
                    - type: URLRewrite <<<
                      urlRewrite: {hostname: a.test}
            """),
        rule(
            "there is a filter of type `RequestHeaderModifier` already",
            """
                - matches: [{path: {value: /r}}]
                  filters:
                    - type: RequestHeaderModifier
                      requestHeaderModifier: {remove: [a]}
                    - type: RequestHeaderModifier <<<
                      requestHeaderModifier: {remove: [b]}
            \(Piece.toWeb)
            """),
        rule(
            "`urlRewrite` does not belong to a filter of type `RequestHeaderModifier`",
            """
                - matches: [{path: {value: /r}}]
                  filters:
                    - type: RequestHeaderModifier
                      requestHeaderModifier: {remove: [a]}
                      urlRewrite: {hostname: a.test} <<<
            \(Piece.toWeb)
            """),
        rule(
            "the filter of type `URLRewrite` has no settings",
            """
                - matches: [{path: {value: /r}}]
                  filters:
                    - type: URLRewrite <<<
            \(Piece.toWeb)
            """),
        rule(
            "the `URLRewrite` changes nothing",
            """
                - matches: [{path: {value: /r}}]
                  filters:
                    - type: URLRewrite
                      urlRewrite: {} <<<
            \(Piece.toWeb)
            """),
        rule(
            "`ReplacePrefixMatch` needs a rule with exactly one match",
            """
                - matches: [{path: {value: /r}}, {path: {value: /s}}]
                  filters:
                    - type: URLRewrite
                      urlRewrite:
                        path:
                          type: ReplacePrefixMatch <<<
                          replacePrefixMatch: /
            \(Piece.toWeb)
                - matches: [{path: {type: Exact, value: /t}}]
                  filters:
                    - type: RequestRedirect
                      requestRedirect:
                        path:
                          type: ReplacePrefixMatch <<<
                          replacePrefixMatch: /
            """),
        rule(
            "only `replaceFullPath` belongs to type `ReplaceFullPath`",
            """
                - matches: [{path: {value: /r}}]
                  filters:
                    - type: URLRewrite
                      urlRewrite:
                        path:
                          type: ReplaceFullPath
                          replaceFullPath: /a
                          replacePrefixMatch: /b <<<
            \(Piece.toWeb)
            """),
        rule(
            "the type `ReplaceFullPath` has no setting",
            """
                - matches: [{path: {value: /r}}]
                  filters:
                    - type: URLRewrite
                      urlRewrite:
                        path:
                          type: ReplaceFullPath <<<
            \(Piece.toWeb)
            """),
        rule(
            "`b` is not a path",
            """
                - matches: [{path: {value: /r}}]
                  filters:
                    - type: URLRewrite
                      urlRewrite:
                        path:
                          type: ReplacePrefixMatch
                          replacePrefixMatch: b <<<
            \(Piece.toWeb)
            """),
        rule(
            "305 is not the status of a redirect",
            """
                - matches: [{path: {value: /r}}]
                  filters:
                    - type: RequestRedirect
                      requestRedirect:
                        statusCode: 305 <<<
            """),
        rule(
            "header `A` is changed twice in one filter",
            """
                - matches: [{path: {value: /r}}]
                  filters:
                    - type: ResponseHeaderModifier
                      responseHeaderModifier:
                        set:
                          - {name: a, value: x}
                        remove:
                          - A <<<
            \(Piece.toWeb)
            """),
        rule(
            "`RequestMirror` is not supported on a `backendRef`",
            """
                - matches: [{path: {value: /r}}]
                  backendRefs:
                    - group: pinion.dev
                      kind: Backend
                      name: web
                      filters:
                        - type: RequestMirror <<<
                          requestMirror:
                            backendRef: {group: pinion.dev, kind: Backend, name: web}
            """),
        rule(
            "`percent` stands beside `fraction`",
            """
                - matches: [{path: {value: /r}}]
                  filters:
                    - type: RequestMirror
                      requestMirror:
                        backendRef: {group: pinion.dev, kind: Backend, name: web}
                        percent: 3 <<<
                        fraction:
                          numerator: 3 <<<
                          denominator: 2
            \(Piece.toWeb)
            """),
        rule(
            "a request cannot be mirrored to a Model",
            """
                - matches: [{path: {value: /r}}]
                  filters:
                    - type: RequestMirror
                      requestMirror:
                        backendRef: {group: pinion.dev, kind: Model, name: m} <<<
            \(Piece.toWeb)
            """),
    ]
}
