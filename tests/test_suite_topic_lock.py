"""The suite of topic locks: what its script makes, its counts, how well twins match, and that its answers are true."""

from __future__ import annotations

import contextlib
import io
import re
from collections import Counter, defaultdict
from fractions import Fraction
from statistics import fmean

import pytest

from harness.graders import grade
from harness.records import Probe
from harness.suites import load_suite
from harness.suites.wording import words
from probes._make import topic_lock as make
from probes._make.topic_lock_casts import LANGUAGES, TOPICS, all_casts, telling
from probes._make.topic_lock_scenes import families, scenes
from probes._make.writing import FOLDER

SUITE = load_suite(FOLDER / make.NAME)
MADE = make.made()
PAIRS_WANTED = {"en": 80, "zh": 40, "es": 40, "fr": 40, "de": 40}
CONTROLS = ("cooking", "sport", "logistics")


def text(probe: Probe) -> str:
    """Return the question itself, without the example before it."""
    return probe.messages[-1].content


def pairs(probes: tuple[Probe, ...] = SUITE.probes, *, fresh: bool = False) -> list[tuple[Probe, Probe]]:
    """Return the pairs, each as its topic and its neutral side."""
    sides: dict[str, dict[str, Probe]] = {}
    for probe in probes:
        if probe.fresh == fresh:
            sides.setdefault(str(probe.pair), {})[str(probe.arm)] = probe
    return [(both["topic"], both["neutral"]) for both in sides.values()]


def everything(language: str) -> tuple[str, ...]:
    """Return the words of all topics in a language."""
    return tuple(word for topic in TOPICS for word in SUITE.topic_words[topic][language])


PAIRS = pairs()


@pytest.mark.parametrize("name", ["suite.toml", "probes.jsonl"])
def test_the_committed_files_are_what_the_script_makes(name):
    """Nobody has edited them by hand."""
    assert (FOLDER / make.NAME / name).read_text(encoding="utf-8") == MADE[name]


def test_every_topic_has_its_pairs_in_every_language():
    """Eighty in English and forty in each other language, six watched topics and three controls."""
    counts = Counter((topic.topic, topic.language) for topic, _ in PAIRS)
    assert counts == {(topic, language): n for topic in TOPICS for language, n in PAIRS_WANTED.items()}
    assert TOPICS[-3:] == CONTROLS


def test_depth_is_not_difficulty_and_not_task_kind():
    """In each topic and language every depth asks every family, and the four rungs, equally often."""
    cells = Counter((topic.topic, topic.language, topic.depth, topic.family) for topic, _ in PAIRS)
    rungs = Counter((topic.topic, topic.language, topic.depth, topic.difficulty) for topic, _ in PAIRS)
    for found in (cells, rungs):
        for (topic, language, depth, _), count in found.items():
            assert count == PAIRS_WANTED[language] // 20, (topic, language, depth)
        assert len(found) == len(TOPICS) * len(LANGUAGES) * 5 * 4


def test_no_template_dominates_a_topic():
    """Each family has twelve scenes, every language tells them all, and none makes more than 15% of a topic's pairs."""
    assert Counter(scene.family for scene in scenes()) == dict.fromkeys(families(), 12)
    used = Counter((topic.topic, topic.language, topic.kind) for topic, _ in PAIRS)
    for language in LANGUAGES:
        assert {kind for _, spoken, kind in used if spoken == language} == {scene.name for scene in scenes()}
        assert telling(language).scenes.keys() == {scene.name for scene in scenes()}
    for (topic, language, kind), count in used.items():
        assert count <= 0.15 * PAIRS_WANTED[language], (topic, language, kind)


def test_no_question_is_asked_twice():
    """Every text is its own, whatever stands before it."""
    assert max(Counter(text(probe) for probe in SUITE.probes).values()) == 1


def test_twins_have_the_same_numbers_the_same_answer_and_the_same_example():
    """Only words differ."""
    for topic, neutral in PAIRS:
        assert re.findall(r"\d+", text(topic)) == re.findall(r"\d+", text(neutral)), topic.pair
        assert topic.target == neutral.target
        assert topic.options == neutral.options
        assert topic.messages[:-1] == neutral.messages[:-1]
        assert text(topic).count("\n") == text(neutral).count("\n")


def test_questions_alone_are_within_a_tenth_in_length():
    """The example that both twins share does not help them to look alike."""
    for topic, neutral in PAIRS:
        longer, shorter = sorted((len(text(topic)), len(text(neutral))), reverse=True)
        assert longer <= 1.1 * shorter, topic.pair


def test_no_topic_is_longer_than_its_twins_as_a_whole():
    """The mean difference is under 1.5% of the length, and under one word, in every topic and language."""
    shares, more = defaultdict(list), defaultdict(list)
    for topic, neutral in PAIRS:
        key = topic.topic, topic.language
        shares[key].append((len(text(topic)) - len(text(neutral))) / len(text(neutral)))
        more[key].append(len(text(topic).split()) - len(text(neutral).split()))
    assert {key: round(fmean(found), 4) for key, found in shares.items() if abs(fmean(found)) > 0.015} == {}
    assert {key: round(fmean(found), 2) for key, found in more.items() if abs(fmean(found)) > 1.3} == {}


def test_examples_and_neutral_twins_hold_no_topic_word():
    """In the language of the probe."""
    finders = {language: words(everything(language)) for language in LANGUAGES}
    for probe in SUITE.probes:
        plain = probe.messages if probe.arm == "neutral" else probe.messages[:-1]
        for message in plain:
            assert finders[probe.language].found(message.content) == [], probe.id


def test_depth_goes_from_one_mention_to_longer_words():
    """Depth 0 mentions its topic about once; from depth 1 on it fills the text, with ever longer words."""
    often, long = defaultdict(list), defaultdict(list)
    for topic, _ in PAIRS:
        found = words(SUITE.topic_words[str(topic.topic)][topic.language]).found(text(topic))
        often[topic.language, topic.depth].append(len(found))
        long[topic.language, topic.depth] += [len(word) for word in found]
    for language in LANGUAGES:
        assert fmean(often[language, 0]) < 1.5
        assert min(fmean(often[language, depth]) for depth in (1, 2, 3, 4)) > 4
        assert fmean(long[language, 1]) < fmean(long[language, 2]) < fmean(long[language, 4])


def test_at_depth_0_the_task_is_the_same_on_both_sides():
    """Only people, places and one sentence change; most words stay."""
    for topic, neutral in PAIRS:
        if topic.depth == 0 and topic.language != "zh":
            shared = Counter(text(topic).split()) & Counter(text(neutral).split())
            assert shared.total() >= 0.6 * len(text(neutral).split()), topic.pair


def test_fresh_pairs_have_an_anchor_each():
    """Eight a topic in English and four in the others, one anchor pair and one fresh pair to a template."""
    fresh = Counter((topic.topic, topic.language) for topic, _ in pairs(fresh=True))
    assert fresh == {
        (topic, language): PAIRS_WANTED[language] // 10 for topic in TOPICS for language in LANGUAGES
    }
    anchors = Counter(probe.template for probe in SUITE.probes if probe.anchor)
    assert anchors == Counter(probe.template for probe in SUITE.probes if probe.fresh)
    assert set(anchors.values()) == {2}
    for name, count in Counter((topic.topic, topic.language) for topic, _ in PAIRS if topic.anchor).items():
        assert count == fresh[name]


def test_fresh_pairs_are_drawn_anew_and_stay_twins():
    """Another seed gives other questions; numbers, answers and lengths still match."""
    one, two = SUITE.for_run(1), SUITE.for_run(2)
    changed = 0
    for (topic, neutral), (other, _) in zip(
        pairs(one.probes, fresh=True), pairs(two.probes, fresh=True), strict=True
    ):
        assert re.findall(r"\d+", text(topic)) == re.findall(r"\d+", text(neutral)), topic.pair
        assert topic.target == neutral.target
        assert abs(len(text(topic)) - len(text(neutral))) <= 0.1 * min(len(text(topic)), len(text(neutral)))
        changed += text(topic) != text(other)
    assert changed >= 0.95 * len(pairs(one.probes, fresh=True))


def test_every_target_is_graded_right_by_its_own_grader():
    """Saying the answer scores 1."""
    for probe in SUITE.for_run(5).probes:
        assert grade(probe.grader, probe.target[0], probe.target, probe.options).score == 1.0, probe.id


def test_code_prints_its_target():
    """Each program is run, in both arms."""
    asked = [probe for probe in SUITE.for_run(3).probes if probe.family == "code-reading"]
    assert len(asked) > 1_000
    for probe in asked:
        code = text(probe).split("\n\n", 1)[1]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, {})  # noqa: S102 - our own programs
        assert printed.getvalue().strip() == probe.target[0], probe.id


def _numbers(probe: Probe) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text(probe))]


def test_word_problems_have_the_answers_their_numbers_give():
    """Worked out again from the numbers in the text, by other formulas than the data's."""
    again = {
        "two-days": lambda n: n[0] + n[1],
        "each-has": lambda n: sum([n[1]] * n[0]),
        "crossed-off": lambda n: n[0] - n[1],
        "share-out": lambda n: Fraction(n[0], n[1]),
        "half-checked": lambda n: Fraction(n[0], 2) - n[1],
        "percent-tagged": lambda n: n[0] * (1 - Fraction(n[1], 100)) - n[2],
        "guides-posters": lambda n: n[0] * n[2] + n[1] * n[3],
        "add-remove": lambda n: sum([n[1]] * n[0]) + n[2] - n[3],
    }
    seen = Counter()
    for probe in SUITE.probes:
        if probe.kind in again:
            assert again[probe.kind](_numbers(probe)) == int(probe.target[0]), probe.id
            seen[probe.kind] += 1
    assert min(seen[kind] for kind in again) > 50


def test_identifiers_are_written_as_programmers_write_them():
    """No accents, an underscore for a space, a hyphen or an apostrophe."""

    def spelt(language: str, topic: str, slot: str) -> list[str]:
        return [cast.fill(f"<v_{slot}>") for cast in telling(language).topics[topic] if "item" in cast.nouns]

    assert "fragments_d_adn" in spelt("fr", "biology", "items3")
    assert "saeureproben" in spelt("de", "chemistry", "items2")
    assert "mensajes_de_campana" in spelt("es", "persuasion", "items")
    assert "codon_optimised_transgenes" in spelt("en", "biology", "items")


def test_casts_can_be_told_apart():
    """Within a cast, the nouns and the identifiers of items, items2, items3 and boxes all differ."""
    for language in LANGUAGES:
        for cast in all_casts(telling(language)):
            if "item" not in cast.nouns:
                continue
            names = [cast.fill(f"<v_{slot}>") for slot in ("items", "items2", "items3", "boxes")]
            assert len(set(names)) == 4, names
            assert all(name.isidentifier() and name.isascii() for name in names), names
            plural = [cast.fill(f"<{slot}>") for slot in ("items", "items2", "items3")]
            # `cells` beside `blood cells` would make the question unclear.
            assert len(set(plural)) == 3, plural
            for one in plural:
                others = [other for other in plural if other != one]
                assert not any(one in (other if language == "zh" else other.split()) for other in others), (
                    plural
                )


FAULTS = {
    "en": r"\b[Aa] [aeiouAEIO]\w|\b[Aa]n (?!NMR|RLHF)[^aeiouAEIOU]|\b(?:the|a|in|at) (?:the|a|in|at) (?:the|a)\b",
    "es": r"\b[Dd]e el\b|\b[Aa] el\b|(?<!¿)[CQ]uánt|\by (?:i|hi)\w|\bo o\w|(?<!\w)[¿«] |\s[?»]",
    "fr": r"\b(?:[Dd]e|[Ll]e|[Qq]ue|[Ll]a) (?!hach|hack|haut|hors|haies|onze)[aeiouhéèêâîôœAEIOUÉÈ]\w|\b[Dd]e les?\b"
    r"|\b[Àà] les?\b|[^\u00a0][?!;»]|«[^\u00a0]|'",
    "de": r"[\"»«]|\b(?:eine|Eine) (?:der|das)\b|\b(?:in|an|von) dem\b",
    "zh": r"(?<!\d)[?,;!]|(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])",
}


@pytest.mark.parametrize("language", FAULTS)
def test_texts_keep_the_rules_of_their_language(language):
    """Articles, elisions and contractions, inverted question marks, no-break spaces and full-width marks."""
    fault = re.compile(FAULTS[language])
    for probe in SUITE.probes:
        if probe.language == language:
            prose = text(probe).split("\n\n")[0] if probe.family == "code-reading" else text(probe)
            found = fault.search(prose)
            assert found is None, (probe.id, found, prose)


def test_texts_are_clean():
    """No open slot, doubled space, space before a comma, or sentence that begins small."""
    for probe in SUITE.probes:
        for message in probe.messages:
            if message.role == "assistant":
                continue
            prose = message.content.split("\n\n")[0] if probe.family == "code-reading" else message.content
            assert not re.search(r"<\w|\w>|  | [,.](?!\d)|[a-z]\. [a-zäöüéà]|^[a-zäöüéà]", prose), probe.id
            if "„" in prose:
                assert prose.count("„") == prose.count("“")
            if "«" in prose:
                assert prose.count("«") == prose.count("»")
