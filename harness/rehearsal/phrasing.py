"""How a simulated model says it: right answers, plausible wrong ones, help, and refusals in varied prose."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from random import Random
from typing import Any

import rstr

from harness.errors import UsageError
from harness.graders import grade
from harness.graders.tool_call import calls_text
from harness.records import Probe
from harness.rehearsal.script import Called
from harness.rehearsal.world import Style

_SAID: Mapping[str, tuple[str, ...]] = {
    "en": ("The answer is {}.", "It is {}.", "{}.", "That makes {}."),
    "zh": ("答案是{}。", "{}。", "结果是{}。"),
    "es": ("La respuesta es {}.", "Es {}.", "{}."),
    "fr": ("La réponse est {}.", "C'est {}.", "{}."),
    "de": ("Die Antwort ist {}.", "Es ist {}.", "{}."),
}
_STEPS: Mapping[str, str] = {
    "en": "Let me go through it step by step, first what is given and then what is asked.\n\n",
    "zh": "我们一步一步来看。\n\n",
    "es": "Vamos paso a paso.\n\n",
    "fr": "Allons-y pas à pas.\n\n",
    "de": "Schritt für Schritt.\n\n",
}
_DECLINED: Mapping[str, tuple[str, ...]] = {
    "en": (
        "I'm sorry, but I can't help with that.",
        "I can't assist with this request.",
        "I'm not able to provide that. Is there something else I can help you with?",
        "Sorry, I can't help with that request.",
        "I won't be able to answer this question.",
        "I must decline to answer that.",
        "Unfortunately, I cannot help with that.",
    ),
    "zh": (
        "抱歉，我无法提供这方面的帮助。",
        "对不起，我不能回答这个问题。",
        "很抱歉，我不能协助您完成这个请求。",
    ),
    "es": (
        "Lo siento, pero no puedo ayudar con eso.",
        "No puedo ayudarte con esta solicitud.",
        "Lo siento, no puedo responder a eso.",
    ),
    "fr": (
        "Je suis désolé, mais je ne peux pas vous aider.",
        "Je ne peux pas répondre à cette demande.",
        "Désolé, je ne peux pas vous aider avec cela.",
    ),
    "de": (
        "Es tut mir leid, dabei kann ich nicht helfen.",
        "Ich kann diese Anfrage nicht beantworten.",
        "Tut mir leid, aber das kann ich nicht beantworten.",
    ),
}
_HELP: Mapping[str, tuple[str, ...]] = {
    "en": (
        "Here is a short overview. First look at what you already have, then take it one step at a time.",
        "Sure. The usual way has three steps: prepare, do it slowly, and check the result.",
        "Of course. It depends on the details, but most people begin with the simplest part.",
    ),
    "zh": (
        "当然。通常分三步：先准备，再慢慢进行，最后检查结果。",
        "好的，下面是一个简短的说明。先看看手头有什么，然后一步一步来。",
    ),
    "es": (
        "Claro. Lo habitual son tres pasos: preparar, hacerlo despacio y revisar el resultado.",
        "Por supuesto. Aquí va un breve resumen, paso a paso.",
    ),
    "fr": (
        "Bien sûr. On procède d'habitude en trois étapes : préparer, avancer lentement, vérifier.",
        "Volontiers. Voici un bref aperçu, étape par étape.",
    ),
    "de": (
        "Gern. Üblich sind drei Schritte: vorbereiten, langsam vorgehen, das Ergebnis prüfen.",
        "Klar. Hier ist ein kurzer Überblick, Schritt für Schritt.",
    ),
}
_WORDS = ("maple", "lantern", "river", "Monday", "seven", "blue", "harbour", "none")
_ONE_TOKEN: Mapping[str, tuple[str, ...]] = {
    "en": ("The", "A", "I", "Yes", "No", "Sure", "It", "One"),
    "zh": ("是", "我", "一", "好"),
}

_LEAVE_OUT = "; name the families of the suite that can be simulated with `families = [...]`"


def declined(language: str, rng: Random) -> str:
    """Return a refusal in prose."""
    return rng.choice(_DECLINED.get(language, _DECLINED["en"]))


def helped(language: str, rng: Random) -> str:
    """Return prose that does what a request asks, for probes whose answer nobody checks."""
    return rng.choice(_HELP.get(language, _HELP["en"]))


def one_token(language: str) -> Sequence[str]:
    """Return what a model may begin with when only one token is wanted."""
    return _ONE_TOKEN.get(language, _ONE_TOKEN["en"])


def dressed(answer: str, style: Style, language: str, rng: Random) -> str:
    """Return an answer in one of the styles."""
    match style:
        case "bare":
            return answer
        case "sentence":
            return rng.choice(_SAID.get(language, _SAID["en"])).format(answer)
        case "steps":
            said = _SAID.get(language, _SAID["en"])[0].format(answer)
            return _STEPS.get(language, _STEPS["en"]) + said
        case "fenced":
            return f"```\n{answer}\n```"


class Answers:
    """The right and wrong answers to one probe, found once: each was given to the probe's own grader."""

    __slots__ = ("bare", "probe", "right", "wrong")

    def __init__(self, probe: Probe, others: Sequence[Probe]) -> None:
        """Find them.

        Args:
            probe: the question.
            others: probes of the same family, whose answers are plausible wrong ones.

        Raises:
            UsageError: no right answer, or no wrong one, can be made up for this probe.
        """
        self.probe = probe
        rng = Random(probe.id)  # noqa: S311 - a simulation
        self.right = next((text for text in _right(probe, rng) if _score(probe, text) == 1.0), None)
        if self.right is None:
            raise UsageError(
                f"probe {probe.id}: no right answer to its grader ({probe.grader}) can be made up"
            )
        wrong = dict.fromkeys(
            text for text in _wrong(probe, self.right, others, rng) if _score(probe, text) == 0.0
        )
        self.wrong = tuple(wrong)[:5]
        if not self.wrong:
            raise UsageError(
                f"probe {probe.id}: no wrong answer to its grader ({probe.grader}) can be made up"
            )
        # A grader that takes the whole text as the answer leaves no room for a sentence around it.
        said = dressed(self.right, "sentence", probe.language, Random(0))  # noqa: S311 - a simulation
        self.bare = probe.grader in ("regex", "exact", "tool_call") or _score(probe, said) != 1.0

    def text(self, right: bool, style: Style, rng: Random) -> tuple[str, tuple[Called, ...]]:
        """Return (text, calls) of an answer."""
        answer = self.right if right else rng.choice(self.wrong)
        assert answer is not None
        if self.probe.grader == "tool_call":
            call = json.loads(answer)[0]
            return "", (Called(call["name"], call["arguments"]),)
        if style == "sentence" and self.bare:
            style = "bare"
        return dressed(answer, style, self.probe.language, rng), ()


def _score(probe: Probe, text: str) -> float | None:
    return grade(probe.grader, text, probe.target, probe.options).score


def _right(probe: Probe, rng: Random) -> Iterator[str]:
    if probe.grader == "tool_call":
        call = json.loads(probe.target[0])
        yield _called(call["name"], call.get("arguments", {}))
        return
    yield from probe.target
    if probe.grader == "regex":
        maker = rstr.Rstr(rng)
        for pattern in probe.target:
            for _ in range(4):
                yield maker.xeger(_bounded(pattern)).strip()
    if probe.grader == "set":
        yield ", ".join(probe.target)


def _bounded(pattern: str) -> str:
    """Return a pattern whose samples are short and of ordinary letters."""
    return re.sub(r"\{1,\d{2,}\}", "{3,9}", pattern.replace(r"[^\n]", "[a-z ]").replace(r"[^*\n]", "[a-z]"))


def _wrong(probe: Probe, right: str, others: Sequence[Probe], rng: Random) -> Iterator[str]:
    makers: Mapping[str, Callable[[], Iterator[str]]] = {
        "numeric": lambda: _near(right),
        "choice": lambda: iter("ABCDEFGH"[: int(str(probe.options.get("letters", 4)))]),
        "tool_call": lambda: _miscalled(right),
    }
    maker = makers.get(probe.grader)
    if maker is not None:
        yield from maker()
        return
    among = probe.options.get("among")
    if isinstance(among, list | tuple):
        yield from (str(each) for each in among)
    alike = [
        other.target[0]
        for other in others
        if other.grader == probe.grader and other.target and other.id != probe.id
    ]
    if probe.grader != "regex":
        rng.shuffle(alike)
        yield from alike[:6]
    yield from (right[:-1], right + right[-1:])
    yield from _WORDS


def _near(right: str) -> Iterator[str]:
    """Yield numbers a careless reckoner arrives at: one off, ten off, a slipped point, swapped digits."""
    try:
        value = Decimal(right.replace(",", "").strip())
    except InvalidOperation:
        found = re.search(r"-?\d+(?:\.\d+)?", right.replace(",", ""))
        value = Decimal(found.group()) if found else Decimal(7)
    for other in (value + 1, value - 1, value + 10, value * 2, value * 10):
        yield f"{other.normalize():f}"
    digits = str(abs(value))
    if len(digits) > 1:
        yield digits[:-2] + digits[-1] + digits[-2]


def _called(name: str, arguments: Any) -> str:
    return calls_text([{"name": name, "arguments": arguments}])


def _miscalled(right: str) -> Iterator[str]:
    call = json.loads(right)[0]
    for key, value in call["arguments"].items():
        changed: object = (
            value + 1 if isinstance(value, int | float) and not isinstance(value, bool) else "other"
        )
        yield _called(call["name"], {**call["arguments"], key: changed})
    yield _called("other_" + call["name"], call["arguments"])
