// SPDX-License-Identifier: Apache-2.0

import Testing

/// The rules of the house that a machine can check, held against the whole tree.
@Suite("the tree is tidy")
struct TidyTests {
    let tree = Tree.project

    @Test("the tree was found")
    func treeIsThere() {
        #expect(tree.files.contains { $0.path == "Package.swift" })
        #expect(tree.swift.contains { $0.path == "Tests/Tidy/Tree.swift" })
        #expect(tree.swift.contains { $0.room == "MeshBasics" })
    }

    @Test("imports only point down the rings")
    func imports() {
        expectNone(forbiddenImports(in: tree.swift), .imports)
    }

    @Test("imports are sorted")
    func importOrder() {
        expectNone(unsortedImports(in: tree.swift), .imports)
    }

    @Test("the pure core asks for time, chance and effects and never takes them")
    func bans() {
        expectNone(bannedWords(in: tree.swift), .bans)
    }

    @Test("every program says its licence first")
    func licenses() {
        expectNone(missingLicenses(in: tree.sources), .license)
    }

    @Test("files are short")
    func fileLengths() {
        expectNone(longFiles(in: tree.sources), .fileLength)
    }

    @Test("lines are short")
    func lineLengths() {
        expectNone(longLines(in: tree.sources), .lineLength)
    }

    @Test("functions are short")
    func functionLengths() {
        expectNone(longFunctions(in: tree.swift), .functionLength)
    }

    @Test("names say what a thing is for")
    func names() {
        expectNone(emptyNames(in: tree.swift), .names)
    }

    @Test("what other targets see is documented")
    func documentation() {
        expectNone(undocumented(in: tree.swift), .documentation)
    }

    @Test("open work names its issue")
    func markers() {
        expectNone(strayMarkers(in: tree.sources), .markers)
    }

    @Test("links between documents lead somewhere")
    func links() {
        expectNone(brokenLinks(in: tree), .links)
    }

    @Test("no large file lives in the tree")
    func blobs() {
        expectNone(largeFiles(in: tree.files), .blobs)
    }

    @Test("nothing in the tree belongs to one machine")
    func hosts() {
        expectNone(localNames(in: tree.sources), .hosts)
    }
}
