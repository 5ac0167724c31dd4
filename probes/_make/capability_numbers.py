"""The families `arithmetic` and `word-problems`: every value is drawn, every answer an expression over the draw."""

from __future__ import annotations

from collections.abc import Iterator

from probes._make.capability_tasks import NAMES, ONLY, SHOW, Dice, Rule, Task, choice, pool, whole

_WHO = choice(*NAMES[:12])
_OTHER = choice(*NAMES[12:])
_THINGS = ("cups", "books", "coins", "shells", "pears", "stamps", "plums", "buttons", "pencils", "lemons")
_THING = choice(*_THINGS)


def _powers(dice: Dice) -> tuple[int, int, int, int]:
    base, power, modulus = dice.between(13, 89), dice.between(21, 60), dice.between(53, 199)
    return base, power, modulus, pow(base, power, modulus)


def arithmetic() -> Iterator[Task]:
    """Yield the sums, from single digits to products of fifteen."""

    def task(rung: int, name: str, text: str, target: str, where: tuple[str, ...] = (), **draw: Rule) -> Task:
        end = ONLY if rung <= 2 else SHOW
        return Task("arithmetic", rung, name, f"{text} {end}", draw, "numeric", target, where)

    yield task(1, "sum", "What is {a} + {b}?", "{a + b}", a=whole(1, 9), b=whole(1, 9))
    yield task(1, "difference", "Calculate {a} - {b}.", "{a - b}", a=whole(6, 14), b=whole(1, 5))
    yield task(1, "add", "Add {a} and {b}.", "{a + b}", a=whole(2, 12), b=whole(2, 9))
    yield task(2, "product", "What is {a} x {b}?", "{a * b}", a=whole(3, 9), b=whole(3, 9))
    yield task(2, "sum", "Calculate {a} + {b}.", "{a + b}", a=whole(14, 69), b=whole(13, 49))
    yield task(2, "half", "What is half of {a}?", "{a // 2}", a=whole(24, 98, 2))
    yield task(3, "product", "What is {a} x {b}?", "{a * b}", a=whole(13, 69), b=whole(4, 9))
    yield task(
        3,
        "terms",
        "Calculate {a} + {b} - {c}.",
        "{a + b - c}",
        a=whole(120, 489),
        b=whole(113, 399),
        c=whole(17, 99),
    )
    yield task(
        3, "quotient", "Divide {a} by {b}.", "{q}", b=whole(4, 9), q=whole(13, 39), a={"value": "b * q"}
    )
    yield task(4, "product", "Multiply {a} by {b}.", "{a * b}", a=whole(123, 989), b=whole(23, 98))
    yield task(
        4, "brackets", "Calculate ({a} + {b}) x ({c} - {d}).", "{(a + b) * (c - d)}",
        a=whole(17, 89), b=whole(16, 88), c=whole(61, 99), d=whole(12, 48),
    )  # fmt: skip
    yield task(
        4, "percent", "What is {p}% of {n}?", "{p * n // 100}", p=whole(15, 85, 5), n=whole(340, 2980, 20)
    )
    yield task(5, "product", "What is {a} x {b}?", "{a * b}", a=whole(1203, 9897), b=whole(1307, 9789))
    yield task(
        5, "terms", "Calculate {a} x {b} + {c} x {d} - {e}.", "{a * b + c * d - e}",
        a=whole(213, 978), b=whole(117, 889), c=whole(219, 967), d=whole(123, 887), e=whole(1234, 9876),
    )  # fmt: skip
    yield task(
        5, "remainder", "What is the remainder when {a} x {b} is divided by {m}?", "{a * b % m}",
        a=whole(1013, 9787), b=whole(1117, 9689), m=whole(23, 97),
    )  # fmt: skip
    yield task(
        6, "product", "Multiply {a} by {b}.", "{a * b}",
        a=whole(1_234_567, 9_876_543), b=whole(12_345_679, 98_765_431),
    )  # fmt: skip
    yield task(
        6, "product-of-three", "What is {a} x {b} x {c}?", "{a * b * c}",
        a=whole(12_347, 98_761), b=whole(12_343, 98_765), c=whole(12_341, 98_767),
    )  # fmt: skip
    yield task(
        6, "power", "What is the remainder when {case[0]} to the power of {case[1]} is divided by {case[2]}?",
        "{case[3]}", case=pool("powers", _powers, 40),
    )  # fmt: skip


def _story(
    rung: int,
    name: str,
    text: str,
    target: str,
    where: tuple[str, ...] = (),
    example: tuple[str, str] | None = None,
    **draw: Rule,
) -> Task:
    end = ONLY if rung <= 2 else SHOW
    shown = (f"{example[0]} {end}", example[1]) if example else None
    return Task("word-problems", rung, name, f"{text} {end}", draw, "numeric", target, where, example=shown)


def word_problems() -> Iterator[Task]:
    """Yield the stories, from one step with an example to ten steps with numbers that do not matter."""

    who, other, thing = _WHO, _OTHER, _THING
    yield _story(
        1, "gain", "{who} has {a} {thing} and finds {b} more. How many {thing} does {who} have now?", "{a + b}",
        example=("Max has 3 nuts and finds 5 more. How many nuts does Max have now?", "3 + 5 = 8"),
        who=who, thing=thing, a=whole(2, 7), b=whole(2, 6),
    )  # fmt: skip
    yield _story(
        1, "loss", "{who} had {a} {thing} and gave {b} of them to {other}. How many {thing} did {who} keep?",
        "{a - b}", example=("Max had 9 nuts and gave 4 of them to Eva. How many nuts did Max keep?", "9 - 4 = 5"),
        who=who, other=other, thing=thing, a=whole(6, 12), b=whole(2, 5),
    )  # fmt: skip
    yield _story(
        1, "together", "{who} brings {a} {thing} and {other} brings {b}. How many {thing} do they bring together?",
        "{a + b}", example=("Max brings 4 nuts and Eva brings 2. How many nuts do they bring together?", "4 + 2 = 6"),
        who=who, other=other, thing=thing, a=whole(3, 9), b=whole(2, 8),
    )  # fmt: skip
    yield _story(
        2, "shelves", "There are {a} shelves with {b} {thing} on each. How many {thing} are there in all?", "{a * b}",
        example=("There are 2 shelves with 4 nuts on each. How many nuts are there in all?", "2 x 4 = 8"),
        thing=thing, a=whole(2, 8), b=whole(3, 9),
    )  # fmt: skip
    yield _story(
        2, "share", "{who} shares {n} {thing} equally among {b} friends. How many {thing} does each friend get?",
        "{q}",
        example=("Max shares 6 nuts equally among 2 friends. How many nuts does each friend get?", "6 / 2 = 3"),
        who=who, thing=thing, b=whole(2, 6), q=whole(3, 9), n={"value": "b * q"},
    )  # fmt: skip
    yield _story(
        2, "age", "{who} is {a} years old. {other} is {b} years older. How old is {other}?", "{a + b}",
        example=("Max is 20 years old. Eva is 5 years older. How old is Eva?", "20 + 5 = 25"),
        who=who, other=other, a=whole(8, 29), b=whole(4, 15),
    )  # fmt: skip
    yield _story(
        3, "change", "{who} buys {a} {thing} at {p} euros each and pays with {n} euros. "
        "How many euros does {who} get back?", "{n - a * p}", ("a * p < n",),
        who=who, thing=thing, a=whole(3, 9), p=whole(4, 12), n=choice(50, 100),
    )  # fmt: skip
    yield _story(
        3, "bus", "A bus sets off with {a} people. At the first stop {b} get off and {c} get on. "
        "How many people are on the bus then?", "{a - b + c}", a=whole(24, 48), b=whole(5, 17), c=whole(4, 19),
    )  # fmt: skip
    yield _story(
        3, "hall", "A hall has {r} rows of {s} chairs, and {b} of the chairs are broken. How many can be used?",
        "{r * s - b}", r=whole(7, 16), s=whole(8, 19), b=whole(5, 23),
    )  # fmt: skip
    yield _story(
        4, "bakery", "A bakery bakes {a} trays of {b} rolls. It sells {c} rolls in the morning and half of what is "
        "left in the afternoon. How many rolls are left in the evening?", "{(a * b - c) // 2}",
        ("(a * b - c) % 2 == 0",), a=whole(6, 15), b=whole(14, 32), c=whole(24, 77),
    )  # fmt: skip
    yield _story(
        4, "savings", "{who} earns {w} euros a week, spends {f} euros of it on food and {t} on travel, and saves the "
        "rest. After {n} weeks {who} buys a bicycle for {b} euros from the savings. How many euros are left?",
        "{(w - f - t) * n - b}", ("(w - f - t) * n > b",),
        who=who, w=whole(310, 590), f=whole(61, 99), t=whole(18, 47), n=whole(4, 9), b=whole(240, 690),
    )  # fmt: skip
    yield _story(
        4, "tank", "A pump fills {i} litres a minute into an empty tank, while a leak loses {o} litres a minute. "
        "The pump runs for {m} minutes. Then it stops, and the leak goes on for {k} minutes more. "
        "How many litres are in the tank at the end?", "{(i - o) * m - o * k}", ("(i - o) * m > o * k",),
        i=whole(14, 32), o=whole(3, 9), m=whole(16, 45), k=whole(11, 28),
    )  # fmt: skip
    yield _story(
        5, "orchard", "An orchard has {a} rows of {b} trees. {p}% of the trees bear pears, the others apples. "
        "A pear tree gives {y} kg and an apple tree {x} kg. From the harvest {c} crates of {k} kg are given away, and "
        "the rest is sold at {e} euros a kg. How many euros does that bring?",
        "{(a * b * p // 100 * y + (a * b - a * b * p // 100) * x - c * k) * e}", ("a * b * p % 100 == 0",),
        a=whole(12, 28), b=whole(15, 40, 5), p=choice(20, 25, 40, 60, 75), y=whole(31, 48), x=whole(52, 76),
        c=whole(14, 39), k=whole(12, 18), e=whole(2, 4),
    )  # fmt: skip
    yield _story(
        5, "lorry", "A lorry drives for {g} hours at {v} km/h and, after a rest of {z} minutes, for {h} hours at {w} "
        "km/h. It burns {l} litres per 100 km, a litre costs {e} euros, and the tolls come to {t} euros. "
        "{who} shares the whole cost equally with {n} partners. How many euros does each of them pay?",
        "{((g * v + h * w) * l // 100 * e + t) // (n + 1)}",
        ("(g * v + h * w) * l % 100 == 0", "((g * v + h * w) * l // 100 * e + t) % (n + 1) == 0"),
        who=who, g=whole(2, 5), v=whole(60, 90, 10), z=whole(25, 55, 5), h=whole(2, 6), w=whole(50, 80, 5),
        l=whole(20, 40, 5), e=whole(2, 3), t=whole(18, 64), n=whole(1, 4),
    )  # fmt: skip
    yield _story(
        5, "library", "A library owns {a} shelves of {b} books. It lends out a quarter of its books, of which {c} are "
        "lost. The others come back. It then buys {d} parcels of {e} books and gives {f} books to each of {g} "
        "schools. How many books does it own in the end?", "{a * b - c + d * e - f * g}",
        ("a * b % 4 == 0", "a * b // 4 > c", "a * b - c + d * e > f * g"),
        a=whole(36, 94), b=whole(28, 66), c=whole(17, 89), d=whole(7, 23), e=whole(24, 48), f=whole(27, 63),
        g=whole(6, 17),
    )  # fmt: skip
    yield from _long_stories()


def _long_stories() -> Iterator[Task]:
    """Yield the stories of the last rung."""
    yield _story(
        6, "factory", "A factory runs {m} machines in two shifts of {h} hours. Each machine makes {r} lids an hour in "
        "the first shift and {d} fewer an hour in the second. {p}% of the day's lids fail the test; of these, one in "
        "four can be mended, and the rest is melted down. Good and mended lids are packed in boxes of {k}, and boxes "
        "in crates of {c}; only full crates leave the house. A crate brings {e} euros, a box weighs {x} grams, and "
        "the crates of the day are shared among {t} lorries, which cost {l} euros each. Lids that do not fill a crate "
        "are thrown away. How many euros are left after paying the lorries?",
        "{(lids - lids * p // 100 + lids * p // 400) // k // c * e - t * l}", ("lids * p % 400 == 0",),
        m=whole(6, 19), h=whole(6, 9), r=whole(84, 196, 2), d=whole(8, 28, 4), p=choice(5, 10, 15, 20),
        k=choice(12, 18, 24),
        c=choice(14, 16, 22), e=whole(86, 149), x=whole(310, 690, 10), t=whole(2, 4), l=whole(113, 289),
        lids={"value": "m * h * (2 * r - d)"},
    )  # fmt: skip
    yield _story(
        6, "fund", "{n} neighbours start a fund with {a} euros each. In the first year it grows by {p}%. Then "
        "{u} neighbours leave and take out an equal share each, of what all {n} own. The others each pay in {b} "
        "euros more, but {s} of "
        "them can pay only half of that. In the second year the fund loses {q}% and pays a fee of {f} euros at the "
        "end. {who} is {g} years old and does the books for {y} euros a month during the second year, paid after the "
        "fee. What is left is split equally among those who stayed. How many euros does each of them get, rounded "
        "down to a whole euro?",
        "{((grown + (n - u - s) * b + s * b / 2) * (100 - q) / 100 - f - 12 * y) // (n - u)}",
        ("u + s < n",),
        n=whole(9, 16), a=whole(1300, 2900, 100), p=whole(4, 12), u=whole(2, 4), b=whole(220, 480, 20), s=whole(2, 4),
        q=whole(3, 9), f=whole(137, 389), who=_WHO, g=whole(31, 68), y=whole(14, 38),
        grown={"value": "(n - u) * a * (100 + p) / 100"},
    )  # fmt: skip
    yield _story(
        6, "ferry", "A ferry makes {n} crossings a day and has room for {c} cars and {d} bicycles. On {j} days of a "
        "{w}-day season it sails full; on the other days it carries {x} cars fewer and half as many bicycles on each "
        "crossing. A car pays {e} euros and a bicycle {f}. Each crossing burns {l} litres of fuel at {p} euros a "
        "litre, whatever the load. {k} sailors earn {g} euros a day, the captain twice as much, and on full days "
        "everybody aboard who is paid gets {h} euros extra. The ferry is {z} metres long. Harbour dues take one tenth "
        "of the fares. How many euros does the season earn after dues, fuel and wages?",
        "{fares * 9 // 10 - w * n * l * p - w * (k + 2) * g - j * (k + 1) * h}",
        ("j < w", "fares % 10 == 0"),
        n=whole(4, 9), c=whole(22, 46), d=whole(12, 28, 2), j=whole(23, 58), w=whole(84, 140), x=whole(5, 14),
        e=whole(9, 17), f=whole(2, 4), l=whole(38, 83), p=whole(1, 2), k=whole(3, 6), g=whole(95, 160), h=whole(12, 35),
        z=whole(41, 78), fares={"value": "j * n * (c * e + d * f) + (w - j) * n * ((c - x) * e + d * f // 2)"},
    )  # fmt: skip
