// SPDX-License-Identifier: Apache-2.0

/// One filter, as written: a type, and the settings of one type or more. Whether they agree is
/// checked by the compiler.
package struct RouteFilter: Hashable, Sendable {
    /// Where it is written.
    package var place: Place
    /// Its type.
    package var type: Located<String>?
    /// Changes of the request's head.
    package var requestHeaders: HeaderModifier?
    /// Changes of the answer's head.
    package var responseHeaders: HeaderModifier?
    /// A redirect.
    package var redirect: RedirectFilter?
    /// A rewrite.
    package var rewrite: RewriteFilter?
    /// A mirror.
    package var mirror: MirrorFilter?
    /// The names of the settings that are there, whatever the type.
    package var settings: [Located<String>]

    init(_ cursor: Cursor) {
        place = cursor.place
        type = cursor.text("type")
        requestHeaders = cursor["requestHeaderModifier"].map { HeaderModifier($0) }
        responseHeaders = cursor["responseHeaderModifier"].map { HeaderModifier($0) }
        redirect = cursor["requestRedirect"].map { RedirectFilter($0) }
        rewrite = cursor["urlRewrite"].map { RewriteFilter($0) }
        mirror = cursor["requestMirror"].map { MirrorFilter($0) }
        settings = Self.settingNames.compactMap { name in
            cursor[name].map { Located(name, at: $0.place) }
        }
    }

    private static let settingNames = [
        "requestHeaderModifier", "responseHeaderModifier", "requestRedirect", "urlRewrite",
        "requestMirror",
    ]
}

/// Changes of a head.
package struct HeaderModifier: Hashable, Sendable {
    /// Headers that are replaced.
    package var set: [Header]
    /// Headers that are added.
    package var add: [Header]
    /// Headers that are removed.
    package var remove: [Located<String>]

    /// A header with its value.
    package struct Header: Hashable, Sendable {
        /// Its name.
        package var name: Located<String>
        /// Its value.
        package var value: String

        init?(_ cursor: Cursor) {
            guard let name = cursor.text("name"), let value = cursor.text("value") else {
                return nil
            }
            self.name = name
            self.value = value.value
        }
    }

    init(_ cursor: Cursor) {
        set = cursor.elements("set").compactMap { Header($0) }
        add = cursor.elements("add").compactMap { Header($0) }
        remove = cursor.texts("remove")
    }
}

/// What replaces a path.
package struct PathModifierFilter: Hashable, Sendable {
    /// Where it is written.
    package var place: Place
    /// `ReplaceFullPath` or `ReplacePrefixMatch`.
    package var type: Located<String>?
    /// The new path.
    package var fullPath: Located<String>?
    /// What stands for the matched prefix.
    package var prefix: Located<String>?

    init(_ cursor: Cursor) {
        place = cursor.place
        type = cursor.text("type")
        fullPath = cursor.text("replaceFullPath")
        prefix = cursor.text("replacePrefixMatch")
    }
}

/// A redirect.
package struct RedirectFilter: Hashable, Sendable {
    /// The new scheme.
    package var scheme: String?
    /// The new host.
    package var hostname: String?
    /// The new port.
    package var port: UInt16?
    /// The new path.
    package var path: PathModifierFilter?
    /// The status.
    package var status: Located<Int>?

    init(_ cursor: Cursor) {
        scheme = cursor.text("scheme")?.value
        hostname = cursor.text("hostname")?.value
        port = cursor.port("port")?.value
        path = cursor["path"].map { PathModifierFilter($0) }
        status = cursor.integer("statusCode")
    }
}

/// A rewrite of the host or path.
package struct RewriteFilter: Hashable, Sendable {
    /// Where it is written.
    package var place: Place
    /// The new host.
    package var hostname: String?
    /// The new path.
    package var path: PathModifierFilter?

    init(_ cursor: Cursor) {
        place = cursor.place
        hostname = cursor.text("hostname")?.value
        path = cursor["path"].map { PathModifierFilter($0) }
    }
}

/// A copy that is sent elsewhere.
package struct MirrorFilter: Hashable, Sendable {
    /// Where it goes.
    package var backend: Reference?
    /// The share in percent.
    package var percent: Located<Int>?
    /// The share as a fraction: the numerator.
    package var numerator: Located<Int>?
    /// The share as a fraction: the denominator.
    package var denominator: Int

    init(_ cursor: Cursor) {
        backend = Reference(cursor["backendRef"])
        percent = cursor.integer("percent")
        let fraction = cursor["fraction"]
        numerator = fraction?.integer("numerator")
        denominator = fraction?.integer("denominator")?.value ?? 100
    }
}
