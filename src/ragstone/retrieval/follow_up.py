"""Whether a question stands alone, or points back to what was said before it.

Rules of words, in microseconds and without a model. They say so rather too seldom than too often: a question that
stands alone is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ragstone.text.language import detect
from ragstone.text.stopwords import STOPWORDS

__all__ = ["points_back"]

LONGEST = 400  # characters; a text as long as this says itself what it is about
SHORT = 4  # words of a question that only names another case: "for interns?", "interns too?"
FEW = 1  # words that say something, before "their": with more, one of them may be what it stands for
NAMED = 3  # characters, of Chinese or Japanese, before a pronoun that may be what it stands for
UNSURE = 4  # words, or fewer
_DEPARTMENT = re.compile(r"\bIT\b")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class _Rules:
    """The signs of one language, as words between `|`; each is looked for as a whole word.

    `opens` begin a question that goes on from the one before. `cases` begin a short one that names another case, `ends`
    close one. `always` stand for something that was said, wherever they stand. `pronouns` do so unless what they stand
    for can come before them in the same question: where no other clause does. `possessives` do so with hardly a word
    before them. `innocent` are taken out first: words that look like signs and are none.
    """

    opens: str = ""
    always: str = ""
    pronouns: str = ""
    possessives: str = ""
    breaks: str = ""
    cases: str = ""
    ends: str = ""
    innocent: str = ""


_TIMES = "year|quarter|month|week|weekend|morning|afternoon|evening|spring|summer|autumn|fall|winter|time|century"
_RULES: Mapping[str, _Rules] = {
    "en": _Rules(
        opens="and|but|so|or|then|also|what about|how about|what else|who else|where else|anything else|any other"
        "|why not|how so|such as|tell me more|more details|go on|continue|elaborate|for example|in that case",
        always="the former|the latter|the above|the aforementioned|you (?:just )?(?:said|mentioned|named|listed|wrote)"
        "|(?:which|this|the other|the first|the second|the third|the last|another|the new|the old) ones?"
        "|(?:about|of|for|like|after|before|with|to|from|on|in|at|by|does|did|is|was|why|do) (?:that|those)(?=\\W*$)"
        "|(?:is|was|does|did|about|like|why|how) that (?:mean|work|apply|true|right|correct|possible|allowed|the case)"
        "|(?:work|works|go|goes|live|lives|get|stay|from|travel|pay|do|happens?|apply|applies|been|be) there(?=\\W*$)"
        "|the same (?:for|in|with|at)|same for",
        pronouns="him|them|it|this|these|those",
        possessives="he|she|they|his|her|hers|its|their|theirs",
        breaks="and|or|but|if|when|while|where|because|before|after|until|unless|once|since|although|whether|than|as"
        "|that|which|who|whose|so|then",
        cases="for|in|with|without|on|at|from|to|of|by|during|after|before|until|per|under|within|only|just",
        ends="too|as well|either|instead|otherwise|again|else|exactly"
        "|(?:how|since) (?:long|far|often|big|old|fast|soon|high|large|late|early|when|much|many)",
        innocent=f"(?:this|these|those) (?:{_TIMES}|days)|those (?:who|that|which|of|with|whose|in|from)|it is|it's"
        "|(?:is|was|be|isn't|wasn't) it \\w+ (?:for .+ )?(?:to|that|if|when)"
        "|it (?:takes?|took|costs?|makes? sense|matters?|happens?|mean|means) .*(?:to|if|that|when|for)"
        "|it (?:rains?|snows?)|(?:find|makes?) it \\w+ to|what is it like|worth it|make it to|is it that",
    ),
    "de": _Rules(
        opens="und|aber|oder|dann|also|was ist mit|wie ist es (?:mit|bei|für)|wie sieht es|auch|warum nicht|wieso nicht"
        "|was noch|wer noch|sonst noch",
        always="(?:der|die|das) (?:erste|zweite|dritte|letzte|andere)(?=\\W*$)|ersterer|letzterer|erstere|letztere"
        "|derselbe|dieselbe|dasselbe"
        "|(?:gilt|ist|geht|heißt|bedeutet|kostet|war|über|für|warum|wie) das(?=\\W*$)|(?:gilt|geht|bedeutet|heißt) das"
        "|dafür|davon|dazu|darüber|daran|daraus|darin|darauf|danach|dagegen|dort|dorthin|dessen|deren",
        pronouns="er|ihn|ihm|es|dieser|diese|dieses|diesen|diesem|jener|jene|jenes",
        possessives="sein|seine|seinen|seinem|seiner|ihre|ihren|ihrem|ihrer",
        breaks="und|oder|aber|wenn|falls|als|bevor|nachdem|bis|weil|da|ob|dass|der|die|den|welche|sobald",
        cases="für|in|im|mit|ohne|auf|bei|beim|von|vom|nach|vor|während|pro|nur",
        ends="auch|ebenfalls|ebenso|genau|noch|sonst|stattdessen",
        innocent="dies(?:es|er|en|em|e) (?:jahr|jahres|quartal|monat|monats|woche|wochenende|zeit|sommer|winter|tage)"
        "|gibt es|ist es \\w+,|(?:dauert|kostet|braucht|geht|heißt) es|es gibt|davon ab|dazu,? (?:führ\\w+|dass)"
        "|(?:dafür|dazu|daran|davon), (?:dass|ob|wie)|führ\\w+ dazu|man es|es geben",
    ),
    "fr": _Rules(
        opens="et|mais|ou|alors|donc|qu'en est-il|pourquoi pas|aussi|sinon|quoi d'autre|qui d'autre|par exemple",
        always="celui-ci|celle-ci|ceux-ci|celles-ci|celui-là|celle-là|ceux-là|ce dernier|cette dernière|le même|la même"
        "|les mêmes|ça|cela|là-bas|pour (?:lui|elle|eux|elles)|avec (?:lui|elle|eux|elles)"
        "|(?:quand|où|comment|pourquoi|combien|qui|que) \\w+-(?:t-)?(?:il|elle|ils|elles)",
        pronouns="cet|cette|ces|ce",
        possessives="il|elle|ils|elles|son|sa|ses|leur|leurs|lui",
        breaks="et|ou|mais|si|quand|lorsque|avant|après|parce|que|qui|dont|puisque",
        cases="pour|en|dans|avec|sans|sur|chez|au|aux|du|de|des|pendant|après|avant|par",
        ends="aussi|également|non plus|exactement|sinon|encore",
        innocent="est-ce|c'est|ce (?:que|qui|mois|soir|matin|dont)|cette (?:année|semaine)|ces (?:jours|temps)"
        "|cet (?:été|hiver)|y a-t-il|faut-il|est-il \\w+ d[e']|combien de temps (?:faut|cela)",
    ),
    "es": _Rules(
        opens="y|e|pero|o|entonces|también|qué hay de|qué tal|qué pasa con|por qué no|además|qué más|quién más",
        always="eso|esto|aquello|el mismo|la misma|lo mismo|el (?:primero|último|segundo|otro)(?=\\W*$)|allí|ahí|allá"
        "|para (?:él|ella|ellos|ellas)|con (?:él|ella|ellos|ellas)",
        pronouns="él|ella|ellos|ellas|ese|esa|esos|esas|este|esta|estos|estas|aquel|aquella",
        possessives="su|sus",
        breaks="y|o|pero|si|cuando|antes|después|porque|que|quien|mientras",
        cases="para|en|con|sin|sobre|de|del|por|durante|según|hasta|a|al",
        ends="también|tampoco|además|exactamente",
        innocent="est[ea] (?:año|mes|semana|trimestre|verano|invierno|otoño|primavera|vez)|estos días|por eso",
    ),
    "it": _Rules(
        opens="e|ed|ma|o|allora|anche|invece|perché no|che ne è di|cos'altro",
        always="quello|quella|quelli|quelle|ciò|lo stesso|la stessa|lì|là",
        pronouns="lui|lei|loro|questo|questa|questi|queste|esso|essa|essi",
        possessives="suo|sua|suoi|sue",
        breaks="e|o|ma|se|quando|prima|dopo|perché|che|chi|mentre",
        cases="per|in|con|senza|su|di|del|della|durante|da|a",
        ends="anche|pure|invece|esattamente",
        innocent="quest[oa] (?:anno|mese|settimana|estate|inverno|volta)|quell[oaie] (?:che|di)",
    ),
    "pt": _Rules(
        opens="e|mas|ou|então|também|por que não|que tal|além disso",
        always="isso|isto|aquilo|disso|nisso|o mesmo|a mesma|lá|ali",
        pronouns="ele|ela|eles|elas|dele|dela|deles|delas|esse|essa|esses|essas|este|esta",
        possessives="seu|sua|seus|suas",
        breaks="e|ou|mas|se|quando|antes|depois|porque|que|quem|enquanto",
        cases="para|em|com|sem|sobre|de|do|da|durante|por|até|no|na",
        ends="também|exatamente|ainda",
        innocent="est[ea] (?:ano|mês|semana|verão|inverno|vez)",
    ),
    "nl": _Rules(
        opens="en|maar|of|dan|dus|ook|hoe zit het|waarom niet|wat nog",
        always="daarvan|daarvoor|daarover|daarmee|daarin|dezelfde|hetzelfde|(?:geldt|is|betekent) dat",
        pronouns="hij|hem|zij|ze|hen|dit|deze|die",
        possessives="zijn|haar|hun",
        breaks="en|of|maar|als|wanneer|voordat|nadat|omdat|dat|die|terwijl",
        cases="voor|in|met|zonder|op|bij|van|na|tijdens|per",
        ends="ook|precies|eveneens",
        innocent="dit (?:jaar|kwartaal)|deze (?:maand|week|zomer|winter|keer)|zijn (?:er|de|het)",
    ),
    "ru": _Rules(
        opens="и|а|но|или|тогда|также|а если|почему нет|что насчёт|что насчет|как насчёт|как насчет",
        always="то же|этого|этому|этим|там|туда",
        pronouns="он|она|оно|они|его|её|ее|их|ему|ей|им|этот|эта|это|эти",
        breaks="и|или|но|если|когда|чтобы|который|которая|которые|пока",
        cases="для|в|во|на|с|со|без|о|об|при|у|после|до",
        ends="тоже|также|именно|ещё|еще",
        innocent="в эт(?:ом|от) (?:году|год|месяце|месяц)|на этой неделе|что это|их ли",
    ),
    "zh": _Rules(),
    "pl": _Rules(opens="a|i|ale|lub|więc|co z", pronouns="on|ona|ono|oni|jego|jej|ich", breaks="i|lub|jeśli|gdy|że"),
    "sv": _Rules(opens="och|men|eller|då", pronouns="han|hon|dessa", breaks="och|eller|om|när|som|att"),
    "da": _Rules(opens="og|men|eller|så", pronouns="han|hun|disse", breaks="og|eller|hvis|når|som|at"),
    "no": _Rules(opens="og|men|eller|så", pronouns="han|hun|disse", breaks="og|eller|hvis|når|som|at"),
    "tr": _Rules(opens="ve|ama|veya|peki|ya"),
    "ro": _Rules(opens="și|dar|sau|atunci", pronouns="el|ea|ei|ele|acesta|aceasta", breaks="și|sau|dacă|când|care|că"),
    "el": _Rules(opens="και|αλλά|ή|τότε|κι"),
    "hi": _Rules(opens="और|लेकिन|या|तो"),
    "vi": _Rules(opens="còn|và|nhưng|vậy"),
    "ar": _Rules(opens="ماذا عن|وماذا|ولماذا|وكيف|لكن|وهل|ومتى|وكم"),
}

_CHINESE = re.compile(
    r"^\W*(?:那么|那|还有|而且|但是|但|然后|所以|以及|另外|为什么呢|继续)"
    r"|(?<![其吉])[它他她](?!人|国|乡|山)|这个(?!月|星期|季度|年)|那个|这些|那些|这样|那样|那里|那儿|前者|后者|上面|上述|刚才"
    r"|^.{1,8}呢\W*$"
)
_JAPANESE = re.compile(
    r"^\W*(?:では|じゃあ?|そして|また|それで|でも|あと)"
    r"|それ|これ|あれ|そこ|その(?!他)|あの|彼女|彼ら|彼(?!岸)|前者|後者"
    r"|^.{1,10}(?:は|も)[?？]\W*$"
)


def points_back(question: str) -> bool:
    """Whether a question can only be understood from what was said before.

    >>> points_back("Who leads it?"), points_back("And for interns?"), points_back("为什么？")
    (True, True, True)
    >>> points_back("Is it allowed to travel first class?")
    False
    """
    text = _folded(question)
    if not text or len(text) > LONGEST:
        return False
    language = detect(text, among=tuple(_RULES))
    if language in ("zh", "ja"):
        return _in_characters(text, language)
    found = _WORD.findall(text)
    if not found:
        return False
    likely = [language] if language in _RULES else []
    if len(found) <= UNSURE:  # of so few words nobody tells the language for sure
        if any(not _content(found, every) for every in STOPWORDS):
            return True
        likely = list(dict.fromkeys([*likely, "en"]))
    return any(not _content(found, one) or _signs(_RULES[one]).in_(text, found, one) for one in likely)


def _folded(question: str) -> str:
    """In small letters and on one line, but for a department that is called like a pronoun."""
    text = " ".join(question.split()).replace("’", "'")
    if not text.isupper():
        text = _DEPARTMENT.sub("ict", text)
    return text.casefold()


def _in_characters(text: str, language: str) -> bool:
    """Where words have no spaces between them. What a pronoun stands for may come before it, in a clause of its own."""
    found = (_CHINESE if language == "zh" else _JAPANESE).search(text)
    if not _characters(text, language):
        return True
    return found is not None and _characters(text[: found.start()], language) < NAMED


def _characters(text: str, language: str) -> int:
    """How many characters say something themselves."""
    rest = re.sub(r"[\W\d]|请问", "", text)
    for word in sorted(STOPWORDS[language], key=len, reverse=True):
        rest = rest.replace(word, "")
    return len(rest)


def _content(found: Sequence[str], language: str) -> int:
    """How many words say something themselves."""
    stop = STOPWORDS.get(language, frozenset[str]())
    return sum(word not in stop and word.split("'")[0] not in stop for word in found)


class _Signs:
    """The rules of one language, compiled."""

    def __init__(self, rules: _Rules) -> None:
        self.opens = _compiled(rules.opens, r"^\W*(?:{})(?!\w|-)")
        self.always = _compiled(rules.always)
        self.pronouns = _compiled(rules.pronouns)
        self.possessives = _compiled(rules.possessives)
        self.breaks = _compiled(rules.breaks)
        self.cases = _compiled(rules.cases, r"^\W*(?:{})(?!\w)")
        self.ends = _compiled(rules.ends, r"(?<!\w)(?:{})\W*$")
        self.innocent = _compiled(rules.innocent)

    def in_(self, text: str, found: Sequence[str], language: str) -> bool:
        """Whether one of them stands in a question."""
        if self.opens.search(text) or (len(found) <= SHORT and (self.cases.search(text) or self.ends.search(text))):
            return True
        text = self.innocent.sub(" ", text)
        if self.always.search(text):
            return True
        if any(not self._within(text[: sign.start()], language) for sign in self.pronouns.finditer(text)):
            return True
        possessive = self.possessives.search(text)
        return possessive is not None and _content(_WORD.findall(text[: possessive.start()]), language) <= FEW

    def _within(self, before: str, language: str) -> bool:
        """Whether what stands before a pronoun can be what it stands for: a clause with a word that says something."""
        broken = list(self.breaks.finditer(before))
        ends = max((one.start() for one in broken if one.start()), default=-1)
        ends = max(ends, *(before.rfind(mark) for mark in ",;:—.?!"))
        if broken and not broken[0].start():  # the question begins with a clause: "If employees fall ill, …"
            ends = max(ends, len(before) if _content(_WORD.findall(before), language) > 1 else -1)
        return ends > 0 and _content(_WORD.findall(before[:ends]), language) > 0


def _compiled(words: str, form: str = r"(?<![\w'-])(?:{})(?![\w-])") -> re.Pattern[str]:
    return re.compile(form.format(words) if words else r"(?!)")


@cache
def _signs(rules: _Rules) -> _Signs:
    return _Signs(rules)
