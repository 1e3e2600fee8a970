"""Adds up what `camera-agent evaluate --compare --json` said of each clip, as tables in Markdown."""

import json
import sys
from collections import Counter

# Beyond what the detector sees: told apart, and not part of any sum.
APART = "limits"

# The clips by which nothing was tuned are added up for themselves.
KEPT_BACK = "kept-back-"


def leaked(row, size):
    share = 100 * row[size, "leaked"] / max(1, row[size, "face_frames"])
    return f"{row[size, 'leaked']} of {row[size, 'face_frames']} ({share:.1f} %)"


def line(name, row):
    area = row["masked"] / max(1.0, row["measure"])
    whole = 100 * row["whole"] / max(1, row["frames"])
    cost = row["detect"] / max(1, row["frames"])
    sizes = " | ".join(leaked(row, size) for size in ("large", "medium", "small"))
    return f"| {name} | {sizes} | {area:.2f} | {whole:.1f} % | {cost:.1f} ms |"


def counted(row):
    counts = Counter({key: row[key] for key in ("frames", "whole", "masked", "measure")})
    counts["detect"] = row["detect_ms"] * row["frames"]
    for size, figures in row["faces"].items():
        counts.update({(size, key): value for key, value in figures.items()})
    return counts


HEAD = "| {} | ≥ 64 pixels: leaked | 32–63 | smaller | masked area | masked whole | detection, a picture |\n|---|---|---|---|---|---|---|"
reports = [json.load(open(path)) for path in sys.argv[1:]]
for title, kept_back in [("clips that were tuned by, together", False), ("clips that were kept back, together", True)]:
    sums = {}
    for report in reports:
        if report["clip"] != APART and report["clip"].startswith(KEPT_BACK) == kept_back:
            for row in report["rows"]:
                sums.setdefault(row["way"], Counter()).update(counted(row))
    if sums:
        print(HEAD.format(title))
        for way, row in sums.items():
            print(line(way, row))
        print()
print(HEAD.format("clip"))
for report in reports:
    print(line(report["clip"], counted(report["rows"][0])))
