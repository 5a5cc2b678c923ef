# SPDX-License-Identifier: Apache-2.0
"""Generated documents say what the binary says."""

import pytest

from pinion import ROOT, run


@pytest.mark.parametrize("name", ["errors", "configuration", "metrics"])
def test_a_generated_document_is_up_to_date(name):
    code, output, _ = run("docs", name)
    assert code == 0
    committed = (ROOT / "Docs" / f"{name}.md").read_text(encoding="utf-8")
    assert committed.rstrip("\n") == output.rstrip("\n"), "run `make docs`"


def test_completions_are_printed_for_each_shell():
    for shell in ("bash", "zsh", "fish"):
        code, output, _ = run("--generate-completion-script", shell)
        assert code == 0 and "model-server" in output
