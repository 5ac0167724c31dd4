"""Writes the suite `identity`: `python -m probes._make.identity`.

Three families of fixed prompts, none of them with a right answer: texts whose tokens are counted, prompts whose first
token is a near tie, and questions by which habits of form show.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from harness.records import JSON
from probes._make.writing import Line, files, write

NAME = "identity"

COUNTED: Mapping[str, str] = {
    "english": "The quick survey of unremarkable gardens concluded on Wednesday afternoon.",
    "capitals": "THE SURVEY OF UNREMARKABLE GARDENS CONCLUDED ON WEDNESDAY AFTERNOON.",
    "misspelt": "Teh qiuck servey off unremarkabel gardnes conkluded on Wendsday aftrenoon.",
    "rare-words": "Syzygy, quincunx, borborygmus, floccinaucinihilipilification, defenestration.",
    "invented-words": "The blorptastic frundle wimbled over a snazzlegrip and quoffed.",
    "german-compounds": "Donaudampfschifffahrtsgesellschaft, Rindfleischetikettierung, Fußgängerübergänge",
    "finnish": "Epäjärjestelmällistyttämättömyydellänsäkäänköhän lentokonesuihkuturbiini",
    "vietnamese": "Chiều nay chúng tôi đi dạo quanh hồ rồi uống cà phê sữa đá.",
    "chinese": "春天的早晨，图书馆门口的两棵银杏树发了新芽。",
    "chinese-traditional": "春天的早晨，圖書館門口的兩棵銀杏樹發了新芽。",
    "japanese": "図書館の前の桜が咲いて、コーヒーとケーキを楽しみました。",
    "korean": "도서관 앞의 은행나무 두 그루에 새잎이 돋았습니다.",
    "arabic": "في الصباح الباكر فتحت المكتبة أبوابها للزوار.",
    "arabic-vowels": "كِتَابٌ جَمِيلٌ عَلَى الطَّاوِلَةِ",
    "hebrew": "בבוקר נפתחו דלתות הספרייה למבקרים.",
    "hindi": "सुबह पुस्तकालय के दरवाज़े आगंतुकों के लिए खुल गए।",
    "tamil": "காலையில் நூலகத்தின் கதவுகள் திறந்தன.",
    "thai": "ตอนเช้าห้องสมุดเปิดประตูต้อนรับผู้มาเยือน",
    "russian": "Утром библиотека открыла двери для посетителей.",
    "greek": "Το πρωί η βιβλιοθήκη άνοιξε τις πόρτες της.",
    "georgian": "დილით ბიბლიოთეკამ კარი გააღო.",
    "amharic": "ጠዋት ቤተ መጻሕፍቱ በሩን ከፈተ።",
    "cherokee": "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ᎠᎴ ᎪᏪᎵ",
    "rare-han": "龘靐齉龗鱻麤爨癵籱虪",
    "mixed-scripts": "Привет, 世界 and שלום: γειά σου, 세계 123.",
    "digits": "31415926535897932384626433832795028841971693993751",
    "numbers": "1 22 333 4444 55555 666666 7777777 88888888 999999999",
    "dates-and-amounts": "2026-11-22T09:30:00Z, 1,234,567.89 and 1.234.567,89, +49 30 901820, 0x7F3A, 6.02e23",
    "python": "def mean(values: list[float]) -> float:\n    return sum(values) / len(values) if values else 0.0\n",
    "c-code": "for (int i = 0; i < n; ++i) { if (p[i] != NULL && *p[i] >= 0) total += *p[i]; }",
    "indentation": "if a:\n\tif b:\n\t\tif c:\n            d()\n                        e()\n",
    "json": '{"id":17,"tags":["a","b"],"nested":{"empty":{},"none":null,"ok":true}}',
    "html": '<ul class="menu"><li><a href="/a?b=c&amp;d=%20e">One</a></li></ul>',
    "url": "https://www.example.org/a/b/c.html?query=one+two&lang=en#section-4.2",
    "base64": "SGVsbG8sIHRoaXMgaXMgb25seSBhIHRlc3Qgb2YgdG9rZW5zLg==",
    "hex": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "identifiers": "getHTTPResponseCode, get_http_response_code, GetHttpResponseCode2, HTTPRC_OK",
    "latex": r"\frac{1}{\sqrt{2\pi}}\int_{-\infty}^{\infty} e^{-x^{2}/2}\,\mathrm{d}x = 1",
    "math-signs": "∀x∈ℝ ∃y∈ℕ: x²≤y ⇒ √x≤√y ∧ ∑ᵢ₌₁ⁿ i = n(n+1)⁄2 ≈ ∞",
    "emoji": "🙂🙃🎈🚲🌧️☕📚🍎🐢🎻",
    "emoji-joined": "👩‍🔬👨‍👩‍👧‍👦🧑🏽‍🚀🏳️‍🌈👍🏿🇨🇭🇧🇷",
    "combining": "Z\u0337a\u0334l\u0336g\u0338o\u0335 e\u0301 and \u00e9, n\u0303 and \u00f1, o\u0302\u0301",
    "invisible": "a\u200bb\u200cc\u200dd\u2060e\u00adf\u202ag\u202c h\u00a0i\u2003j",
    "repeats": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa --------------------------------",
    "punctuation": "?!?!... ;;; ::: \"\"\" ''' `` ~~ ^^ || \\\\ // <> [] {} ()",
    "boxes": "┌──┬──┐ │░░│▓▓│ └──┴──┘ ►◄ ■□ ●○",
    "spaces": "one  two   three    four     five      six",
    "full-width": "Ｆｕｌｌ　ｗｉｄｔｈ　１２３　ﬁ ﬂ ﬃ",
}
"""What is counted, after words that are always the same."""

OPEN_TIES = (
    "Heads or tails? Answer with one word.",
    "Pick a number from 1 to 10. Reply with only the number.",
    "Pick a number from 1 to 100. Reply with only the number.",
    "Pick a letter from A to Z. Reply with only the letter.",
    "Name a random colour. Answer with one word.",
    "Name a random animal. Answer with one word.",
    "Name a random city. Answer with one word.",
    "Name a random first name. Answer with one word.",
    "Odd or even? Answer with one word.",
    "Left or right? Answer with one word.",
    "Roll a die. Reply with only the number.",
    "Say any word. Answer with one word.",
    "Is a hot dog a sandwich? Answer with one word.",
    "Is a tomato a fruit or a vegetable? Answer with one word.",
    "Which is nicer, spring or autumn? Answer with one word.",
    "Begin a story with one word.",
)
"""Prompts on which many models are undecided."""

FOUND_TIES = (
    "Name a game.",
    "Name a spice.",
    "Think of a fish and write it down.",
    "Name a planet. Answer with one word.",
    "Say winter or summer.",
    "Say river or lake.",
    "Say oak or pine.",
    "Name a letter.",
    "Say summer or winter.",
    "Pick one: train or plane? Answer with one word.",
    "Think of a game and write it down.",
    "Pick one: summer or winter? Answer with one word.",
    "Think of a sport and write it down.",
    "Pick one: salt or pepper? Answer with one word.",
    "Think of a spice and write it down.",
    "Name a colour. Answer with one word.",
    "Which comes to mind first, winter or summer?",
    "Say silver or gold.",
    "Say south or north.",
    "Think of a letter and write it down.",
    "Say right or left.",
    "Say even or odd.",
    "Name a letter. Answer with one word.",
    "Think of a tool and write it down.",
)
"""The closest of the candidates in `near_ties.py` on SmolLM2-135M-Instruct, Q4_1."""

_SHORT = "Keep it under 80 words."
HABITS: tuple[tuple[str, str, str, Mapping[str, JSON]], ...] = (
    ("bold", f"What should one pack for a weekend by the sea? {_SHORT}", r"\*\*[^*\n]{1,80}\*\*", {}),
    ("bullets", f"How does one take care of a wooden table? {_SHORT}", r"^ {0,3}[-*•] ", {"multiline": True}),
    ("numbered", f"How does one change the tyre of a bicycle? {_SHORT}", r"^ {0,3}\d{1,2}[.)] ", {"multiline": True}),
    ("heading", f"Explain how a rainbow comes about. {_SHORT}", r"^#{1,6} |^\*\*[^*\n]{1,80}\*\*:?$",
     {"multiline": True}),
    ("table", f"Compare tea and coffee. {_SHORT}", r"^\|.{1,200}\|", {"multiline": True}),
    ("paragraphs", f"Why do leaves change colour in autumn? {_SHORT}", r"\S\n[ \t]{0,5}\n\S", {}),
    ("rule", f"Give a short plan for a day in a new city. {_SHORT}", r"^ {0,3}(?:---|\*\*\*|___)[ -]{0,9}$",
     {"multiline": True}),
    ("colon-first", f"What are the benefits of walking? {_SHORT}", r"\A[^\n]{1,300}:\s{0,9}\n", {}),
    ("closing-question", f"I would like to learn the guitar. Where do I start? {_SHORT}", r"\?[\s*_\"')]{0,9}\Z", {}),
    ("closing-offer", f"I have to write a letter to my landlord. What belongs in it? {_SHORT}",
     r"\b(?:let me know|feel free|happy to help|would you like|hope this helps)\b", {"ignore_case": True}),
    ("opener", f"Tell me something about owls. {_SHORT}",
     r"\A[\s*_\"']{0,5}(?:sure|certainly|of course|absolutely|great|here(?:'s| is| are))\b", {"ignore_case": True}),
    ("praise", f"Why is the sky dark at night, although there are stars everywhere? {_SHORT}",
     r"\b(?:great|good|excellent|fascinating|interesting) question\b", {"ignore_case": True}),
    ("exclamation", f"I have finished my first marathon. What should I eat now? {_SHORT}", r"!", {}),
    ("emoji", f"Write a greeting card for a friend who moves house. {_SHORT}", r"[\U0001F300-\U0001FAFF☀-➿]", {}),
    ("dash", f"What makes a good cup of coffee? {_SHORT}", r"[—–]", {}),
    ("semicolon", f"Describe a quiet street on a Sunday morning. {_SHORT}", r";", {}),
    ("curly-quotes", f"What does the saying about the early bird mean? {_SHORT}", r"[“”‘’]", {}),
    ("parentheses", f"What is photosynthesis? {_SHORT}", r"\([^()\n]{1,120}\)", {}),
    ("first-person", f"Is it better to read in the morning or in the evening? {_SHORT}", r"\bI(?:'m|'d|'ve)?\b", {}),
    ("says-it-is-a-model", f"What is your favourite season? {_SHORT}",
     r"\b(?:AI|language model|assistant)\b", {}),
    ("not-just-but", f"Why do people keep diaries? {_SHORT}", r"\bnot (?:just|only|merely)\b", {"ignore_case": True}),
    ("delve", f"Describe the work of a historian. {_SHORT}",
     r"\b(?:delve|tapestry|testament|realm|crucial|vital|intricate|nuanced)", {"ignore_case": True}),
    ("fence", "Write one line of Python that reverses a list.", r"```", {}),
    ("fence-language", "Write a Python function that adds two numbers.", r"```py", {}),
    ("code-comment", "Write a short Python loop that prints the numbers from 1 to 5.", r"#\s?\w", {}),
    ("type-hints", "Write a Python function that counts the vowels in a text.", r"def \w{1,40}\(\w{1,40}: ?\w", {}),
    ("latex", "Solve x^2 - 5x + 6 = 0 and show the steps briefly.", r"\\\(|\\\[|\$[^$\n]{1,80}\$", {}),
    ("bare-answer", "How many days has a leap year?", r"\A\W{0,5}366\W{0,5}\Z", {}),
    ("full-stop", "What is the capital of France? Answer with one word.", r"\.\s{0,5}\Z", {}),
    ("thousands-comma", "How many metres are 12 kilometres? Answer briefly.", r"12,000", {"read": r"12[,. ]?000"}),
    ("day-first", "On what date did people first land on the Moon? Answer briefly.", r"20(?:th)?(?: of)? July",
     {"read": r"July 20|20(?:th)?(?: of)? July"}),
    ("british-spelling", "What are red, green and blue? Answer with one word.", r"colour",
     {"ignore_case": True, "read": r"colou?r"}),
    ("serial-comma", "Which three colours does a traffic light have? Answer in one sentence.", r", and ",
     {"read": r",? and "}),
    ("kilometres-first", "How far is it from the Earth to the Moon? Answer in one sentence.", r"k",
     {"ignore_case": True, "read": r"\bkm\b|kilomet|\bmiles\b"}),
)  # fmt: skip
"""Habit, prompt, the pattern that shows it, options of the grader."""

_ANY = r"\S"


def lines() -> Iterator[Line]:
    """Yield the suite's probes."""
    for name, text in COUNTED.items():
        yield _line("tokens", name, f"Reply with OK. Text: {text}", _ANY, {}, {"max_tokens": 1})
    for kind, prompts in (("open", OPEN_TIES), ("found", FOUND_TIES)):
        for number, prompt in enumerate(prompts, start=1):
            settings = {"max_tokens": 1, "logprobs": True, "top_logprobs": 5}
            yield _line("near-tie", f"{kind}-{number}", prompt, _ANY, {}, settings, kind)
    for name, prompt, pattern, options in HABITS:
        yield _line("habit", name, prompt, pattern, options, {"max_tokens": 320})


def _line(
    family: str,
    name: str,
    prompt: str,
    pattern: str,
    options: Mapping[str, JSON],
    parameters: Mapping[str, JSON],
    kind: str | None = None,
) -> Line:
    line: dict[str, JSON] = {"id": f"{family}-{name}", "family": family, "anchor": True}
    line |= {"kind": kind} if kind else {}
    line |= {"prompt": prompt, "grader": "regex", "target": pattern}
    return line | ({"options": options} if options else {}) | {"parameters": parameters}


DESCRIPTION = (
    "Fixed short prompts by which a model, its tokenizer and its form can be told from others: texts whose tokens are "
    "counted, prompts whose first token is a near tie, questions by which habits of form show."
)
HEADER = f"""\
# Written by probes/_make/identity.py: change it there.
format = 1
name = "{NAME}"
version = 1
title = "Fingerprints"
description = "{DESCRIPTION}"
licence = "Apache-2.0"
languages = ["en"]
families = {json.dumps(["tokens", "near-tie", "habit"])}

[parameters]
temperature = 0

[[versions]]
version = 1
date = "2026-11-22"
note = "First version."
"""


def made() -> dict[str, str]:
    """Return the suite's files."""
    return files(NAME, HEADER, lines())


if __name__ == "__main__":
    write(NAME, made())
