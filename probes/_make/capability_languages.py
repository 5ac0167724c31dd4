"""The family `multilingual`: the same tasks with the same numbers in five languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from probes._make.capability_tasks import Rule, Task, choice, whole

LANGUAGES = ("en", "zh", "es", "fr", "de")

# Per language: names, then how the answer is asked for on the lower rungs and on the upper ones.
_TELLING: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "en": (("Ana", "Leo", "Mia", "Tom"), "Reply with only the number.",
           'Work it out, then end with a line that says "Answer:" and the number.'),
    "zh": (("安娜", "小明", "小红", "大伟"), "只回答数字。", "请写出计算过程，最后一行写“答案：”和数字。"),
    "es": (("Ana", "Leo", "Mia", "Tom"), "Responde solo con el número.",
           'Resuélvelo y termina con una línea que diga "Respuesta:" y el número.'),
    "fr": (("Ana", "Leo", "Mia", "Tom"), "Réponds seulement par le nombre.",
           "Fais le calcul et termine par une ligne avec « Réponse : » et le nombre."),
    "de": (("Ana", "Leo", "Mia", "Tom"), "Antworte nur mit der Zahl.",
           "Rechne es aus und schließe mit einer Zeile, in der „Antwort:“ und die Zahl stehen."),
}  # fmt: skip

_Texts = Mapping[str, str]
_WORKED = {"gain": "3 + 5 = 8", "product": "2 x 4 = 8", "age": "40 + 3 = 43"}


def _tasks() -> Iterator[tuple[int, str, str, tuple[str, ...], Mapping[str, Rule], _Texts, _Texts]]:
    """Yield rung, name, target, conditions, draws, texts by language, and examples (question and answer in one)."""
    yield 1, "sum", "{a + b}", (), {"a": whole(1, 9), "b": whole(1, 9)}, {
        "en": "What is {a} + {b}?", "zh": "{a} + {b} 等于多少？", "es": "¿Cuánto es {a} + {b}?",
        "fr": "Combien font {a} + {b} ?", "de": "Wie viel ist {a} + {b}?",
    }, {}  # fmt: skip
    yield 1, "gain", "{a + b}", (), {"who": {}, "a": whole(2, 7), "b": whole(2, 6)}, {
        "en": "{who} has {a} apples and gets {b} more. How many apples does {who} have now?",
        "zh": "{who}有{a}个苹果，又得到{b}个。{who}现在有多少个苹果？",
        "es": "{who} tiene {a} manzanas y recibe {b} más. ¿Cuántas manzanas tiene {who} ahora?",
        "fr": "{who} a {a} pommes et en reçoit encore {b}. Combien de pommes {who} a-t-il maintenant en tout ?",
        "de": "{who} hat {a} Äpfel und bekommt {b} dazu. Wie viele Äpfel hat {who} jetzt?",
    }, {
        "en": "Max has 3 nuts and gets 5 more. How many nuts does Max have now?",
        "zh": "小华有3个梨，又得到5个。小华现在有多少个梨？",
        "es": "Max tiene 3 nueces y recibe 5 más. ¿Cuántas nueces tiene Max ahora?",
        "fr": "Max a 3 noix et en reçoit encore 5. Combien de noix Max a-t-il maintenant en tout ?",
        "de": "Max hat 3 Nüsse und bekommt 5 dazu. Wie viele Nüsse hat Max jetzt?",
    }  # fmt: skip
    yield 2, "product", "{a * b}", (), {"a": whole(3, 9), "b": whole(3, 9)}, {
        "en": "What is {a} times {b}?", "zh": "{a} 乘以 {b} 等于多少？", "es": "¿Cuánto es {a} por {b}?",
        "fr": "Combien font {a} fois {b} ?", "de": "Wie viel ist {a} mal {b}?",
    }, {
        "en": "What is 2 times 4?", "zh": "2 乘以 4 等于多少？",
        "es": "¿Cuánto es 2 por 4?", "fr": "Combien font 2 fois 4 ?",
        "de": "Wie viel ist 2 mal 4?",
    }  # fmt: skip
    yield 2, "age", "{a + b}", (), {"who": {}, "a": whole(8, 29), "b": whole(4, 15)}, {
        "en": "{who} is {a} years old. How old will {who} be in {b} years?",
        "zh": "{who}今年{a}岁。{b}年以后{who}多少岁？",
        "es": "{who} tiene {a} años. ¿Cuántos años tendrá {who} dentro de {b} años?",
        "fr": "{who} a {a} ans. Quel âge aura {who} dans {b} ans ?",
        "de": "{who} ist {a} Jahre alt. Wie alt ist {who} in {b} Jahren?",
    }, {
        "en": "Max is 40 years old. How old will Max be in 3 years?", "zh": "小华今年40岁。3年以后小华多少岁？",
        "es": "Max tiene 40 años. ¿Cuántos años tendrá Max dentro de 3 años?",
        "fr": "Max a 40 ans. Quel âge aura Max dans 3 ans ?",
        "de": "Max ist 40 Jahre alt. Wie alt ist Max in 3 Jahren?",
    }  # fmt: skip
    yield 3, "change", "{n - a * p}", ("a * p < n",), {
        "who": {}, "a": whole(3, 9), "p": whole(4, 12), "n": choice(50, 100),
    }, {
        "en": "{who} buys {a} pens at {p} euros each and pays with {n} euros. How many euros does {who} get back?",
        "zh": "{who}买了{a}支笔，每支{p}欧元，付了{n}欧元。应找回多少欧元？",
        "es": "{who} compra {a} plumas a {p} euros cada una y paga con {n} euros. ¿Cuántos euros le devuelven?",
        "fr": "{who} achète {a} stylos à {p} euros pièce et paie avec {n} euros. Combien d'euros lui rend-on ?",
        "de": "{who} kauft {a} Stifte zu je {p} Euro und bezahlt mit {n} Euro. Wie viele Euro bekommt {who} zurück?",
    }, {}  # fmt: skip
    yield 3, "bus", "{a - b + c}", (), {"a": whole(24, 48), "b": whole(5, 17), "c": whole(4, 19)}, {
        "en": "There are {a} people on a bus. {b} get off and {c} get on. How many people are on the bus then?",
        "zh": "公共汽车上有{a}人，下去{b}人，又上来{c}人。现在车上有多少人？",
        "es": "En un autobús hay {a} personas. Bajan {b} y suben {c}. ¿Cuántas personas hay entonces en el autobús?",
        "fr": "Il y a {a} personnes dans un bus. {b} descendent et {c} montent. Combien y en a-t-il alors dans le "
        "bus ?",
        "de": "In einem Bus sind {a} Leute. {b} steigen aus und {c} steigen ein. Wie viele Leute sind dann im Bus?",
    }, {}  # fmt: skip
    yield 4, "bakery", "{(a * b - c) // 2}", ("(a * b - c) % 2 == 0",), {
        "a": whole(6, 15), "b": whole(14, 32), "c": whole(24, 77),
    }, {
        "en": "A baker bakes {a} trays of {b} rolls, sells {c} of the rolls in the morning and half of the rest in the "
        "afternoon. How many rolls are left?",
        "zh": "面包师烤了{a}盘面包，每盘{b}个。上午卖出{c}个，下午卖出剩下的一半。还剩多少个面包？",
        "es": "Un panadero hornea {a} bandejas de {b} panecillos, vende {c} panecillos por la mañana y la mitad del "
        "resto por la tarde. ¿Cuántos panecillos quedan?",
        "fr": "Un boulanger cuit {a} plaques de {b} petits pains, en vend {c} le matin et la moitié du reste "
        "l'après-midi. Combien de petits pains reste-t-il ?",
        "de": "Ein Bäcker backt {a} Bleche mit je {b} Brötchen, verkauft am Morgen {c} davon und am Nachmittag die "
        "Hälfte der übrigen. Wie viele Brötchen bleiben übrig?",
    }, {}  # fmt: skip
    yield 4, "tank", "{(i - o) * m - o * k}", ("(i - o) * m > o * k",), {
        "i": whole(14, 32), "o": whole(3, 9), "m": whole(16, 45), "k": whole(11, 28),
    }, {
        "en": "An empty tank gets {i} litres a minute and loses {o} litres a minute. After {m} minutes nothing "
        "flows in any "
        "more, but it goes on losing for {k} minutes. How many litres are in the tank then?",
        "zh": "一个空水箱每分钟流入{i}升水，同时流出{o}升。{m}分钟后停止流入，但水继续流出{k}分钟。"
        "这时水箱里有多少升水？",
        "es": "Un depósito vacío recibe {i} litros por minuto y pierde {o} litros por minuto. Después de {m} "
        "minutos ya no "
        "entra nada, pero sigue perdiendo durante {k} minutos. ¿Cuántos litros hay entonces en el depósito?",
        "fr": "Une cuve vide reçoit {i} litres par minute et perd {o} litres par minute. Après {m} minutes, plus rien "
        "n'entre, mais elle continue de perdre pendant {k} minutes. Combien de litres y a-t-il alors dans la cuve ?",
        "de": "In einen leeren Tank fließen {i} Liter pro Minute, und {o} Liter pro Minute laufen aus. Nach {m} "
        "Minuten "
        "fließt nichts mehr hinein, aber er verliert noch {k} Minuten lang. Wie viele Liter sind dann im Tank?",
    }, {}  # fmt: skip
    yield 5, "trip", "{n * s * p - (n * s + n * k + c - 1) // c * e - n * k * t}", (
        "n * s * p > (n * s + n * k + c - 1) // c * e + n * k * t",
    ), {
        "n": whole(3, 9), "s": whole(18, 29), "p": whole(14, 31), "k": whole(2, 3), "t": whole(6, 12),
        "c": whole(32, 54), "e": whole(210, 390, 10),
    }, {
        "en": "{n} classes of {s} pupils go on a trip, and {k} teachers go with each class. Every pupil pays {p} "
        "euros. A "
        "bus has room for {c} people and costs {e} euros; as few buses as possible are taken. Each teacher gets "
        "{t} euros "
        "for food from the money. How many euros are left?",
        "zh": "{n}个班去郊游，每班有{s}名学生，另有{k}位老师随行。每名学生交{p}欧元。一辆大巴可坐{c}人，"
        "租金{e}欧元，租的大巴尽可能少。每位老师从这笔钱中"
        "得到{t}欧元餐费。还剩多少欧元？",
        "es": "{n} clases de {s} alumnos van de excursión, y con cada clase van {k} profesores. Cada alumno paga "
        "{p} euros. "
        "En un autobús caben {c} personas y cuesta {e} euros; se alquilan los menos posibles. De ese dinero, cada "
        "profesor "
        "recibe {t} euros para comer. ¿Cuántos euros quedan?",
        "fr": "{n} classes de {s} élèves partent en excursion, et {k} professeurs accompagnent chaque classe. "
        "Chaque élève "
        "paie {p} euros. Un bus a {c} places et coûte {e} euros ; on en loue le moins possible. Sur cet argent, chaque "
        "professeur reçoit {t} euros pour manger. Combien d'euros reste-t-il ?",
        "de": "{n} Klassen mit je {s} Kindern machen einen Ausflug, und mit jeder Klasse fahren {k} Lehrer. Jedes "
        "Kind zahlt "
        "{p} Euro. Ein Bus hat Platz für {c} Leute und kostet {e} Euro; es werden so wenige wie möglich gemietet. "
        "Jeder "
        "Lehrer erhält aus dem Geld {t} Euro für Essen. Wie viele Euro bleiben übrig?",
    }, {}  # fmt: skip
    yield 5, "clock", "{(24 - h) * 60 - m + (g * 60 + l) - n * w - z}", ("(24 - h) * 60 - m + g * 60 + l > n * w "
        "+ z + 60",), {
        "h": whole(16, 22), "m": whole(11, 54), "g": whole(5, 9), "l": whole(12, 56), "n": whole(3, 7),
        "w": whole(4, 19),
        "z": whole(21, 58),
    }, {
        "en": "A train leaves at {h}:{m} and arrives the next day at {g}:{l}. On the way it stops {n} times for "
        "{w} minutes "
        "each and once more for {z} minutes. For how many minutes is it moving?",
        "zh": "一列火车{h}:{m}出发，第二天{g}:{l}到达。途中停车{n}次，每次{w}分钟，另外又停了一次{z}分钟。"
        "火车行驶了多少分钟？",
        "es": "Un tren sale a las {h}:{m} y llega al día siguiente a las {g}:{l}. En el camino para {n} veces, "
        "{w} minutos "
        "cada vez, y una vez más durante {z} minutos. ¿Cuántos minutos está en marcha?",
        "fr": "Un train part à {h}:{m} et arrive le lendemain à {g}:{l}. En route il s'arrête {n} fois {w} minutes, et "
        "encore une fois {z} minutes. Pendant combien de minutes roule-t-il ?",
        "de": "Ein Zug fährt um {h}:{m} ab und kommt am nächsten Tag um {g}:{l} an. Unterwegs hält er {n}-mal je "
        "{w} Minuten "
        "und noch einmal {z} Minuten. Wie viele Minuten fährt er?",
    }, {}  # fmt: skip
    yield 6, "mill", "{(d * (m * x + (m - f) * y) * (100 - q) // 100 - r) // k * e - d * m * o - v}", (
        "d * (m * x + (m - f) * y) * (100 - q) % 100 == 0", "f < m",
    ), {
        "m": whole(7, 18), "x": whole(52, 96, 4), "y": whole(32, 60, 4), "f": whole(2, 5), "d": whole(5, 25, 5),
        "q": choice(5, 10, 15, 20), "r": whole(57, 209), "k": choice(12, 16, 18, 24), "e": whole(96, 168),
        "o": whole(5, 14),
        "v": whole(215, 689), "z": whole(23, 64),
    }, {
        "en": "In a mill {m} machines make {x} rolls each during the day shift; at night {f} of them stand still "
        "and the "
        "others make {y} rolls each. This goes on for {d} days. Then {q}% of all rolls are thrown away as faulty "
        "and {r} good "
        "ones are kept for the mill itself. The rest is packed in chests of {k} rolls; a chest weighs {z} kg and "
        "brings {e} "
        "euros, and rolls that do not fill a chest are not sold. Every machine costs {o} euros a day, whether it "
        "stands still "
        "at night or not, and the fair where all is sold costs {v} euros. How many euros are left?",
        "zh": "工厂里有{m}台机器，白班每台生产{x}卷布；夜班有{f}台停机，其余每台生产{y}卷。这样持续{d}天。"
        "之后全部布卷的{q}%因有缺陷被扔掉，又留下{r}卷好的自用。"
        "剩下的装箱，每箱{k}卷；一箱重{z}公斤，卖{e}欧元，装不满一箱的不卖。每台机器每天花费{o}欧元，"
        "不论夜里是否停机；销售全部布卷的展会花费{v}欧元。"
        "最后还剩多少欧元？",
        "es": "En una fábrica, {m} máquinas hacen {x} rollos cada una en el turno de día; de noche {f} de ellas "
        "están paradas y "
        "las demás hacen {y} rollos cada una. Así durante {d} días. Después se tira el {q}% de todos los rollos por "
        "defectuosos y se guardan {r} buenos para la propia fábrica. El resto se embala en cajas de {k} rollos; "
        "una caja "
        "pesa {z} kg y se vende por {e} euros, y los rollos que no llenan una caja no se venden. Cada máquina "
        "cuesta {o} euros "
        "al día, esté parada de noche o no, y la feria donde se vende todo cuesta {v} euros. ¿Cuántos euros quedan?",
        "fr": "Dans une fabrique, {m} machines font chacune {x} rouleaux pendant l'équipe de jour ; la nuit, {f} "
        "d'entre elles "
        "sont arrêtées et les autres font chacune {y} rouleaux. Cela dure {d} jours. Ensuite {q}% de tous les "
        "rouleaux sont "
        "jetés pour défaut et {r} bons sont gardés pour la fabrique. Le reste est emballé en caisses de {k} "
        "rouleaux ; une "
        "caisse pèse {z} kg et rapporte {e} euros, et les rouleaux qui ne remplissent pas une caisse ne sont pas "
        "vendus. "
        "Chaque machine coûte {o} euros par jour, arrêtée la nuit ou non, et la foire où tout est vendu coûte {v} "
        "euros. "
        "Combien d'euros reste-t-il ?",
        "de": "In einer Fabrik machen {m} Maschinen in der Tagschicht je {x} Rollen; nachts stehen {f} davon "
        "still, und die "
        "anderen machen je {y} Rollen. Das geht {d} Tage so. Dann werden {q}% aller Rollen als fehlerhaft "
        "weggeworfen und {r} "
        "gute für die Fabrik selbst behalten. Der Rest wird in Kisten zu {k} Rollen gepackt; eine Kiste wiegt {z} "
        "kg und "
        "bringt {e} Euro, und Rollen, die keine Kiste füllen, werden nicht verkauft. Jede Maschine kostet {o} "
        "Euro am Tag, "
        "ob sie nachts stillsteht oder nicht, und die Messe, auf der alles verkauft wird, kostet {v} Euro. Wie "
        "viele Euro "
        "bleiben übrig?",
    }, {}  # fmt: skip
    yield 6, "remainder", "{(a * b + c * d) * e % m * f - g}", (), {
        "a": whole(213, 978), "b": whole(117, 889), "c": whole(219, 967), "d": whole(123, 887), "e": whole(123, 897),
        "m": whole(1013, 9787), "f": whole(112, 989), "g": whole(1013, 9899),
    }, {
        "en": "Multiply {a} by {b} and {c} by {d}, add the two products and multiply the sum by {e}. Divide the "
        "result by "
        "{m} and keep the remainder. Multiply that remainder by {f} and take away {g}. What number is it then?",
        "zh": "把{a}乘以{b}，{c}乘以{d}，两个积相加，再把和乘以{e}。结果除以{m}，取余数。把这个余数乘以{f}，"
        "再减去{g}。最后得到什么数？",
        "es": "Multiplica {a} por {b} y {c} por {d}, suma los dos productos y multiplica la suma por {e}. Divide "
        "el resultado "
        "entre {m} y quédate con el resto. Multiplica ese resto por {f} y resta {g}. ¿Qué número queda?",
        "fr": "Multiplie {a} par {b} et {c} par {d}, additionne les deux produits et multiplie la somme par {e}. "
        "Divise le "
        "résultat par {m} et garde le reste. Multiplie ce reste par {f} et retranche {g}. Quel nombre obtient-on ?",
        "de": "Multipliziere {a} mit {b} und {c} mit {d}, addiere die beiden Produkte und multipliziere die Summe "
        "mit {e}. Teile "
        "das Ergebnis durch {m} und behalte den Rest. Multipliziere diesen Rest mit {f} und ziehe {g} ab. Welche "
        "Zahl ist es dann?",
    }, {}  # fmt: skip


def multilingual() -> Iterator[Task]:
    """Yield every task in every language: drawn alike, so that languages can be compared probe by probe."""
    for rung, name, target, where, draw, texts, examples in _tasks():
        for language in LANGUAGES:
            names, only, show = _TELLING[language]
            end = only if rung <= 2 else show
            join = "" if language == "zh" else " "
            drawn = {key: rule or choice(*names) for key, rule in draw.items()}
            shown = (f"{examples[language]}{join}{end}", _WORKED[name]) if examples else None
            yield Task(
                "multilingual", rung, name, f"{texts[language]}{join}{end}", drawn, "numeric", target, where,
                options={"decimal": ","} if language in ("es", "fr", "de") else {}, example=shown, language=language,
                anchors=1,
            )  # fmt: skip
