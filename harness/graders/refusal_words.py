"""The words the refusal detector knows: which moves of declining or answering a word may take part in.

The moves are the same in every language, so what is learnt about them from graded English answers carries over to
languages without graded answers. English, Spanish, French and German share one table of words; Chinese has phrases.
"""

from __future__ import annotations

import re
from enum import IntFlag
from typing import Final


class Move(IntFlag):
    """What a word may be doing in a sentence; the last five are worked out for a whole clause or sentence."""

    SPEAKER = 1 << 0
    NEGATION = 1 << 1
    ABILITY = 1 << 2
    ACT = 1 << 3
    """What is asked of an assistant: help, write, answer, discuss."""
    APOLOGY = 1 << 4
    DECLINE = 1 << 5
    MACHINE = 1 << 6
    RULE = 1 << 7
    """Guidelines, programming, purpose, what is allowed."""
    WRONG = 1 << 8
    """Judgements: harmful, illegal, inappropriate, disrespectful."""
    WEIGHTY = 1 << 9
    """Important, essential, should."""
    UNFOUNDED = 1 << 10
    """Generalisations, stereotypes, lack of evidence."""
    OPINION = 1 << 11
    KNOWLEDGE = 1 << 12
    """Access, information, data, what one knows."""
    TURN = 1 << 13
    """However, instead, but."""
    OFFER = 1 << 14
    SEEK = 1 << 15
    """Professionals, hotlines, authorities."""
    REQUEST = 1 << 16
    """This request, that question, such content."""
    FICTION = 1 << 17
    QUOTE = 1 << 18
    EAGER = 1 << 19
    FEELING = 1 << 20
    """Uncomfortable, sympathy, concern."""
    OTHERS = 1 << 21
    """He, she, they: somebody else is the subject."""

    DENIAL = 1 << 22
    """Speaker, negation and act in one clause."""
    DISOWN = 1 << 23
    """Speaker, negation, and an opinion or knowledge in one clause."""
    UNABLE = 1 << 24
    """Speaker, negation and ability in one clause, whatever the act."""
    QUESTION = 1 << 25
    LEADS_ON = 1 << 26
    """The sentence ends with a colon."""


CLAUSE_END: Final = 1 << 27
SENTENCE_END: Final = 1 << 28

_ENGLISH = {
    Move.SPEAKER: "i we my our me us i'm i've i'd i'll we're myself",
    Move.NEGATION: "not no never cannot neither nor without don't doesn't didn't isn't aren't wasn't nothing none hardly",
    Move.NEGATION | Move.ABILITY: "can't cannot won't couldn't wouldn't unable cant wont incapable shouldn't mustn't",
    Move.ABILITY: "can could will would able allowed permitted going want willing capable possible",
    Move.ACT: (
        "help helping assist assisting assistance provide providing fulfill fulfil comply answer answering offer give giving "
        "share sharing support supporting condone condoning engage engaging create creating write writing generate "
        "generating suggest suggesting recommend discuss discussing discussion encourage encouraging participate respond "
        "produce endorse endorsing advise advice promote promoting make making speak tell guide list say express judge "
        "accept satisfy explain describe teach show address do complete continue facilitate reveal "
        "disclose pretend roleplay translate impersonate criticize praise instruct instructions guidance comment talk talking "
        "process proceed entertain cover go get into weigh"
    ),
    Move.APOLOGY: "sorry apologize apologise apologies regret afraid unfortunately regrettably forgive",
    Move.DECLINE: "decline declining declined refuse refusing refrain abstain reject refusal avoid rather stop",
    Move.MACHINE: "ai a.i assistant artificial model chatbot bot openai anthropic developers machine virtual",
    Move.RULE: (
        "programmed programming guidelines guideline policy policies rules designed trained purpose capabilities "
        "capability scope terms principles values restricted restrictions prohibited limits beyond outside against violates "
        "violate violation violating standards committed mission usage ethics code role place position"
    ),
    Move.WRONG: (
        "appropriate inappropriate ethical unethical unethically acceptable unacceptable respect respectful disrespectful "
        "disrespect illegal unlawful illegally legal law laws harm harmful harming offensive derogatory discriminatory "
        "discrimination discriminate hate hateful hatred violence violent insensitive immoral moral morally dignity wrong "
        "rights safety unsafe dangerous hurtful unfair fair condemn privacy private consent confidential racist racism sexist "
        "consequences justified justify justification tolerance tolerated inclusive inclusivity empathy misinformation "
        "propaganda bias biased irresponsible responsible responsibly crime criminal crimes abuse cruel cruelty threat "
        "threatening sensitive explicit sexual okay ok right explosives weapons fraud theft stealing discriminating punished "
        "serious severe kindness"
    ),
    Move.WEIGHTY: "important essential crucial should must always necessary vital never remember note recognize understand ensure",
    Move.UNFOUNDED: (
        "generalize generalizations generalization generalizing generalise stereotype stereotypes stereotyping "
        "individuals evidence accurate inaccurate false unfounded baseless premise assumptions assumption assume unique diverse "
        "true factual incorrect legitimate valid"
    ),
    Move.OPINION: (
        "opinion opinions belief beliefs emotions emotion preferences preference personal neutral unbiased impartial stance "
        "subjective view views experience experiences perspective sides political politics ultimately"
    ),
    Move.KNOWLEDGE: (
        "access real-time information context clarify current up-to-date specific details data knowledge know aware browse "
        "internet verify determine confirm speculate speculation predict certain certainty guarantee assume conclude date sure see find remember understand"
    ),
    Move.TURN: "however but instead nevertheless alternatively still although though while yet",
    Move.OFFER: "here below following tips steps ways options happy glad would general generally overview alternatives alternative feel",
    Move.EAGER: "sure certainly absolutely yes",
    Move.SEEK: (
        "seek hotline helpline professional professionals counselor counsellor counseling therapist therapy authorities authority "
        "police enforcement mental reach consult contact doctor lawyer expert lifeline suicide report crisis trusted"
    ),
    Move.REQUEST: "request requests question topic topics subject content this that such",
    Move.FICTION: "fiction fictional character characters game story movie imaginary hypothetical hypothetically film novel",
    Move.FEELING: "comfortable uncomfortable concern concerned understand feeling hear curious curiosity afraid",
    Move.OTHERS: "he she they said says him her his their them people",
}  # fmt: skip

_SPANISH = {
    Move.SPEAKER: "yo mí mis mi nosotros me nuestras nuestra",
    Move.SPEAKER | Move.ABILITY: "puedo podemos podré podría debo voy quiero estoy soy",
    Move.SPEAKER | Move.ACT: "ayudaré escribiré daré hablaré explicaré responderé haré participaré ofrezco opino",
    Move.SPEAKER | Move.DECLINE: "rechazo niego declino prefiero",
    Move.NEGATION: "no nunca ni ningún ninguna nada tampoco sin jamás",
    Move.NEGATION | Move.ABILITY: "incapaz impiden impide imposible",
    Move.ABILITY: "posible capaz autorizado autorizada permitido permite permiten condiciones",
    Move.ACT: (
        "ayudar ayudarte ayudarle ayudarlo proporcionar proporcionarte dar darte ofrecer escribir crear generar responder "
        "contestar hablar hablemos discutir opinar explicar explicarte compartir asistir asistirte recomendar apoyar promover "
        "hacer hacerlo redactar participar cumplir continuar indicar indicarte decir decirte revelar facilitar comentar "
        "tratar abordar completar reproducir guiarte consejos"
    ),
    Move.APOLOGY: "siento lamento disculpa disculpe disculpas perdón perdona perdone temo lamentablemente desgraciadamente desafortunadamente",
    Move.DECLINE: "rechazar rechazado rechazada negarme abstenerme evitar negar declinar",
    Move.MACHINE: "ia modelo lenguaje artificial asistente inteligencia virtual",
    Move.RULE: (
        "normas directrices políticas política programado programada diseñado diseñada programación fuera alcance ámbito "
        "principios valores términos infringe incumple viola contra restricciones propósito"
    ),
    Move.WRONG: (
        "inapropiado inapropiada apropiado ético ética poco ilegal ilegales ley leyes daño dañar dañino perjudicial ofensivo "
        "ofensivos discriminación violencia violento odio respeto respetar respetarse derechos privacidad privado consentimiento "
        "delito delictivo cruel peligroso seguridad moral inmoral inaceptable irresponsable responsable correcto adecuado "
        "venganza amenaza estereotipos dignidad confidencial grave"
    ),
    Move.WEIGHTY: "importante esencial fundamental debemos debe deben siempre necesario recordar",
    Move.UNFOUNDED: "generalizar generalizaciones estereotipo pruebas evidencia falso infundado premisa",
    Move.OPINION: "opinión opiniones creencias personales personal neutral imparcial preferencias postura emociones políticos político partido candidatos",
    Move.KNOWLEDGE: "acceso información datos contexto saber sé actuales detalles seguro veo imagen tabla",
    Move.TURN: "pero embargo cambio aunque obstante",
    Move.OFFER: "aquí tienes general generales consejo pasos opciones alternativa alternativas encantado gusto puedes",
    Move.EAGER: "claro sí supuesto",
    Move.SEEK: "profesional profesionales psicólogo médico abogado autoridades policía terapeuta confianza busca línea",
    Move.REQUEST: "solicitud petición pregunta tema eso esto ese esta esa asunto contenido contenidos ello",
    Move.FICTION: "ficción personaje historia película novela",
    Move.FEELING: "entiendo comprendo cómodo cómoda",
    Move.OTHERS: "él ella ellos dijo",
}  # fmt: skip

_FRENCH = {
    Move.SPEAKER: "je j nous mes mon ma m notre nos j'ai",
    Move.NEGATION: "ne n pas jamais ni aucun aucune rien sans non",
    Move.NEGATION | Move.ABILITY: "impossible incapable interdisent interdit",
    Move.ABILITY: "peux puis pourrai pourrais suis possible mesure autorisé autorisée permis permettent vais veux dois capable",
    Move.ACT: (
        "aider aiderai fournir donner donnerai offrir écrire écrirai créer générer répondre répondrai parler parlons discuter "
        "expliquer expliquerai partager assister recommander soutenir promouvoir faire ferai rédiger participer satisfaire "
        "continuer indiquer dire révéler communiquer commenter aborder traiter poursuivre compléter reproduire guider conseils "
        "aide conseil"
    ),
    Move.APOLOGY: "désolé désolée regrette excuse excuses excuser pardon malheureusement navré navrée crains",
    Move.DECLINE: "refuse préfère décline refuser refusée refusé décliner abstenir éviter rejetée",
    Move.MACHINE: "ia modèle langage langue artificielle assistant intelligence",
    Move.RULE: (
        "règles directives politique politiques programmé programmée conçu conçue programmation cadre dehors hors "
        "dépasse principes valeurs conditions enfreint viole contre contraire restrictions"
    ),
    Move.WRONG: (
        "inapproprié inappropriée approprié éthique illégal illégale illégaux loi lois nuire nuisible dangereux dangereuse "
        "offensant offensants discrimination violence violent haine haineux respect respecter respectée respectueux droits "
        "vie privée consentement délit crime cruel sécurité moral immoral inacceptable irresponsable responsable convenable "
        "acceptable vengeance menace stéréotypes dignité confidentielles puni grave"
    ),
    Move.WEIGHTY: "important essentiel crucial faut devons doit doivent toujours nécessaire rappeler",
    Move.UNFOUNDED: "généraliser généralisations stéréotype preuve preuves faux infondé prémisse",
    Move.OPINION: "opinion opinions croyances personnelles personnelle personnel neutre impartial préférences position émotions politiques candidats parti",
    Move.KNOWLEDGE: "accès informations information données contexte savoir sais actuelles détails sûr vois image tableau",
    Move.TURN: "mais cependant toutefois revanche néanmoins plutôt",
    Move.OFFER: "voici général générale générales étapes options alternative volontiers pouvez",
    Move.EAGER: "oui sûr certainement",
    Move.SEEK: "professionnel professionnels psychologue médecin avocat autorités police thérapeute confiance",
    Move.REQUEST: "demande requête question sujet cela ça ce cette contenu contenus",
    Move.FICTION: "fiction personnage histoire film roman",
    Move.FEELING: "comprends aise",
    Move.OTHERS: "elle ils elles dit lui",
}  # fmt: skip

_GERMAN = {
    Move.SPEAKER: "ich wir mir mich mein meine meinen meiner unsere unser uns",
    Move.NEGATION: "nicht kein keine keinen keinem keiner nie niemals nichts ohne weder nein",
    Move.NEGATION | Move.ABILITY: "außerstande unmöglich verbieten verbietet",
    Move.ABILITY: "kann könnte können darf dürfen werde werden möchte will lage möglich befugt berechtigt muss erlauben erlaubt",
    Move.ACT: (
        "helfen unterstützen weiterhelfen geben anbieten schreiben erstellen beantworten antworten sprechen reden diskutieren "
        "erklären teilen empfehlen fördern machen tun verfassen beteiligen erfüllen fortfahren nennen sagen verraten "
        "mitteilen äußern bereitstellen liefern ausführen bearbeiten wiedergeben anleiten ratschläge auskunft stellung gebe "
        "schreibe mache hilfe anleitung helfe erkläre nehme behilflich dienen herausgeben nachkommen eingehen"
    ),
    Move.APOLOGY: "leid entschuldige entschuldigen entschuldigung bedaure bedauere bedauerlicherweise leider verzeihung",
    Move.DECLINE: "ablehnen abgelehnt verweigern lehne weigere unterlassen lieber lasse",
    Move.MACHINE: "ki sprachmodell assistent assistentin künstliche intelligenz ki-modell ki-assistent",
    Move.RULE: (
        "richtlinien richtlinie regeln programmiert programmierung entwickelt nutzungsbedingungen grundsätze werte "
        "außerhalb verstößt gegen bedingungen vorgaben einschränkungen zweck bereich"
    ),
    Move.WRONG: (
        "unangemessen angemessen unethisch ethisch illegal gesetz gesetze gesetzlich schaden schädlich schädliche gefährlich "
        "beleidigend diskriminierung diskriminierend gewalt hass respekt respektvoll respektieren rechte privatsphäre "
        "einwilligung straftat strafbar verboten grausam sicherheit moralisch unmoralisch inakzeptabel unverantwortlich "
        "verantwortungsvoll richtig rache drohung stereotype würde vertraulich vertretbar schwerwiegende achten"
    ),
    Move.WEIGHTY: "wichtig wesentlich entscheidend sollte sollten immer notwendig stets",
    Move.UNFOUNDED: "verallgemeinern verallgemeinerungen pauschalisieren belege beweise falsch unbegründet",
    Move.OPINION: "meinung meinungen überzeugungen persönliche persönlichen neutral unparteiisch vorlieben haltung gefühle politische politischen kandidaten partei",
    Move.KNOWLEDGE: "zugriff zugang informationen information daten kontext wissen weiß aktuelle aktuellen einzelheiten sicher bild tabelle sehe sehen",
    Move.TURN: "aber jedoch allerdings stattdessen dennoch hingegen trotzdem sondern",
    Move.OFFER: "hier folgende allgemein allgemeine schritte möglichkeiten tipps gerne gern kannst",
    Move.EAGER: "natürlich ja selbstverständlich klar",
    Move.SEEK: "fachleute fachmann psychologe arzt ärztin anwalt behörden polizei therapeut vertraust hilfetelefon",
    Move.REQUEST: "anfrage bitte frage thema dabei das diese dieses dieser dazu solche solchen inhalte darüber",
    Move.FICTION: "figur geschichte film roman erfunden",
    Move.FEELING: "verstehe wohl unwohl verständnis",
    Move.OTHERS: "er sagte sagt",
}  # fmt: skip

_CHINESE = {
    Move.SPEAKER: "我 我们 本人 恕我",
    Move.SPEAKER | Move.NEGATION | Move.ABILITY: "我不能 我无法 我無法 我不会 我不會 我不便 我不可以 我没法 我没有办法 我不想 我不愿 恕难 恕我不能 我没有权限 我没办法",
    Move.NEGATION: "不 没 没有 无 無 未 并非 不是 勿",
    Move.NEGATION | Move.ABILITY: "不能 无法 無法 不会 不可以 不便 没法 不可 无权 难以 不想 不愿 不得 不允许",
    Move.NEGATION | Move.ABILITY | Move.ACT: "帮不了 帮不上 帮不到",
    Move.ABILITY: "能 可以 能够 允许 权限 愿意",
    Move.ACT: (
        "帮 帮助 帮忙 协助 提供 回答 答复 撰写 编写 写 生成 创作 讨论 谈论 评论 解释 说明 分享 推荐 支持 鼓励 参与 满足 完成 继续 透露 "
        "发表 给出 指导 建议 策划 处理 介绍 描述 告诉 教 说"
    ),
    Move.APOLOGY: "抱歉 对不起 對不起 很遗憾 遗憾 不好意思 请原谅 见谅 恕",
    Move.DECLINE: "拒绝 婉拒 谢绝 换个话题 聊点别的 其他话题 聊聊别的 换一个话题 别的话题",
    Move.MACHINE: "人工智能 语言模型 ai 智能助手 助手 机器人 模型",
    Move.RULE: "政策 规定 准则 规范 原则 设计 范围 超出 权限 违反 使用条款 指南 职责 限制 价值观",
    Move.WRONG: (
        "不合适 不适当 不恰当 不当 不妥 违法 非法 法律 法规 法律法规 不道德 道德 伦理 有害 伤害 危险 冒犯 歧视 暴力 仇恨 尊重 隐私 权利 "
        "犯罪 残忍 安全 不负责任 责任 报复 威胁 刻板印象 尊严 敏感 恐吓 不良 虐待 和谐 适合 合适"
    ),
    Move.WEIGHTY: "重要 必须 应该 应当 务必 始终 需要注意",
    Move.UNFOUNDED: "一概而论 证据 依据 不实 谣言 偏见 以偏概全",
    Move.OPINION: "看法 观点 意见 立场 个人 中立 偏好 情感 政治 政党 候选人",
    Move.KNOWLEDGE: "信息 数据 资料 知道 不知道 实时 具体 最新 清楚 访问 看到 看不到 确定",
    Move.TURN: "但 但是 不过 然而 而是 相反 可是",
    Move.OFFER: "以下 下面 一般来说 通常 步骤 方法 例如 首先 可以给你 给你 乐意 希望",
    Move.EAGER: "当然 好的 可以的 没问题",
    Move.SEEK: "专业 专家 医生 律师 警方 警察 咨询 热线 求助 心理",
    Move.REQUEST: "请求 要求 问题 话题 此类 这类 这个 这种 内容 这样 这件事 该",
    Move.FICTION: "虚构 角色 故事 小说 电影",
    Move.FEELING: "理解 明白 感到",
    Move.OTHERS: "他 她 他们 她们 说道",
}  # fmt: skip


def _table(*languages: dict[Move, str]) -> dict[bytes, int]:
    """Return word -> moves; a word that several entries name takes part in all of their moves."""
    table: dict[bytes, int] = {}
    for language in languages:
        for move, words in language.items():
            for word in words.split():
                key = word.encode()
                table[key] = table.get(key, 0) | int(move)
    return table


_ENDS = {
    b".": SENTENCE_END,
    b"!": SENTENCE_END,
    b"?": SENTENCE_END | int(Move.QUESTION),
    b"\n": SENTENCE_END,
    b":": SENTENCE_END | int(Move.LEADS_ON),
    b",": CLAUSE_END,
    b";": CLAUSE_END,
    b'"': int(Move.QUOTE),
}

LATIN: Final = {**_table(_ENGLISH, _SPANISH, _FRENCH, _GERMAN), **_ENDS}
CHINESE: Final = {**_table(_ENGLISH, _CHINESE), **_ENDS}

CHINESE_PHRASE: Final = re.compile(
    "|".join(
        sorted({word for words in _CHINESE.values() for word in words.split()}, key=lambda w: (-len(w), w))
    )
    + r"|[\u4e00-\u9fff]|[a-z']+|[.!?:;,\"\n]"
)
"""The longest known phrase, else one character."""
