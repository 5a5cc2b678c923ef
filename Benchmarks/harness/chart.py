# SPDX-License-Identifier: Apache-2.0
"""The chart of Docs/benchmarks.md: two groups of bars, drawn by hand as SVG."""

from . import figures

WIDTH, LABEL, RIGHT, BAR, STEP = 720, 190, 90, 16, 24
FONT = "font-family='system-ui, sans-serif'"


def chart(run):
    """The SVG text."""
    parts, top = [], 14
    for test, title in (("rr", "CPU µs for a request"), ("sse", "CPU µs for a streamed event")):
        bars = []
        for name, shown in run["peers"]:
            value = figures.median(run["rounds"], name, test, "cpu")
            if value and name != "direct":
                bars.append((value, name, shown))
        if not bars:
            continue
        bars.sort()
        # One that is many times slower would leave the others no room: it is cut off.
        shortest = bars[0][0]
        most = max(value for value, _, _ in bars if value < shortest * 20)
        top += 10
        parts.append(f"<text class='title' x='8' y='{top}'>{title}</text>")
        top += 12
        for value, name, shown in bars:
            parts += bar(value, most, name, shown, top)
            top += STEP
        top += 16
    style = (
        "<style>text{font-size:13px;fill:#1f2328}.title{font-size:15px;font-weight:600}"
        ".own{fill:#e8590c}.other{fill:#adb5bd}"
        "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.other{fill:#6e7681}}</style>")
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {top}' {FONT} "
        "role='img' aria-label='CPU time for a request and for a streamed event, by proxy'>\n"
        + style + "\n" + "\n".join(parts) + "\n</svg>\n")


def bar(value, most, name, shown, top):
    """One bar with its label and figure."""
    room = WIDTH - LABEL - RIGHT
    length = room * min(value / most, 1)
    kind = "own" if name.startswith("pinion") else "other"
    text = f"{value:,.1f}" + (" (cut off)" if value > most else "")
    middle = top + BAR - 3
    return [
        f"<text x='{LABEL - 8}' y='{middle}' text-anchor='end'>{shown}</text>",
        f"<rect class='{kind}' x='{LABEL}' y='{top}' width='{length:.1f}' height='{BAR}' rx='2'/>",
        f"<text x='{LABEL + length + 6:.1f}' y='{middle}'>{text}</text>",
    ]
