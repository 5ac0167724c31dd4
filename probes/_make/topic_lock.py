"""Compose the suite `topic-lock`: `python -m probes._make.topic_lock` rewrites its folder.

Scenes (what is asked) and casts (with whom and what it is told) live as data in `topic_lock_data`. The same data
always make the same files.
"""

from __future__ import annotations

from probes._make.topic_lock_casts import LANGUAGES, TOPICS, telling
from probes._make.topic_lock_pairs import ARMS, NAME, lines
from probes._make.topic_lock_scenes import families
from probes._make.writing import files, paired_header, write

DESCRIPTION = (
    "The same small task twice, once in a topic's words and once in neutral ones: six topics that are locked in places "
    "and three that are not, from a passing mention to a profession's own vocabulary, in five languages."
)
MAX_TOKENS = 64
VERSIONS = ((1, "2026-11-22", "First version."),)


def header() -> str:
    """Return suite.toml without recorded hashes."""
    return paired_header(
        NAME,
        "Topic locks",
        DESCRIPTION,
        versions=VERSIONS,
        languages=LANGUAGES,
        families=families(),
        arms=ARMS,
        topic_words={
            topic: {each: telling(each).topic_words[topic] for each in LANGUAGES} for topic in TOPICS
        },
        max_tokens=MAX_TOKENS,
    )


def made() -> dict[str, str]:
    """Return the suite's files by name."""
    return files(NAME, header(), lines())


if __name__ == "__main__":
    write(NAME, made())
