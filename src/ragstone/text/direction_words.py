"""Word lists behind `direction.py`, by language (ISO 639-1)."""

from __future__ import annotations

__all__ = ["BOUND", "CUES", "CUES_BY_CHARACTER", "LEADING", "MUTUAL", "SETTLED", "SYMMETRIC"]

_CUES = {
    "en": (
        "to into onto from than over before after instead by via through toward towards against replaces "
        "beats cause causes caused follow follows contains owns then → -> => = like than under above "
        "below inside"
    ),
    "de": "zu nach in von aus vor als statt anstatt gegen durch über unter auf ins zum zur bis dann → ->",
    "es": "a al de desde hacia hasta en que antes después contra por sobre bajo luego → ->",
    "fr": "à au aux de depuis vers en que avant après contre par sur sous puis → ->",
    "it": "a al da dal verso in di che prima dopo contro per sopra sotto poi → ->",
    "pt": "a ao de desde para em que antes depois contra por sobre sob → ->",
    "nl": "naar in van uit voor na dan tegen door over onder op tot → ->",
    "ro": "la în din de până decât înainte după contra prin → ->",
    "tr": "göre önce sonra karşı → ->",
    "ru": "в на из от до к с чем перед после против через над под → ->",
    "el": "σε στο στη στην από προς πριν μετά κατά → ->",
    "ar": "إلى من قبل بعد ضد على في → ->",
    "hi": "से को में पहले बाद → ->",
    "vi": "sang đến tới từ thành hơn trước sau → ->",
}
CUES: dict[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _CUES.items()}
"""Words between two things that say which of them comes first."""

CUES_BY_CHARACTER = {
    "zh": "到|至|比|转|轉|换|換|成|向|给|給|于|→",
    "ja": "から|まで|より|へ|に|→",
    "th": "ไป|เป็น|กว่า|ถึง|จาก",
}
"""The same for languages without spaces, as a pattern."""

_BOUND = {
    "en": "to|into|onto|toward|towards/from for/against",
    "de": "nach|zum|zur|ins/von|vom|aus für/gegen",
    "es": "a|al|hacia|hasta/desde",
    "fr": "vers|jusque/depuis pour/contre",
    "it": "a|al|alla|verso/da|dal|dalla",
    "pt": "para|até/desde",
    "nl": "naar/van|uit voor/tegen",
}
BOUND: dict[str, tuple[tuple[frozenset[str], frozenset[str]], ...]] = {
    language: tuple(
        (frozenset(one.split("|")), frozenset(other.split("|")))
        for one, other in (pair.split("/") for pair in pairs.split())
    )
    for language, pairs in _BOUND.items()
}
"""Words that say another thing of what follows them: "to Berlin" and "from Berlin"."""

_LEADING = {
    "en": "a an the my your our his her its their this that these those",
    "de": "der die das dem den des ein eine einem einer einen mein meine meinem meiner",
}
LEADING: dict[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _LEADING.items()}
"""Words that may stand between such a word and the thing."""

_SETTLED = {"en": "according apart aside close due next owing prior subject thanks"}
SETTLED: dict[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _SETTLED.items()}
"""Words that make one expression with what follows them: "due to" says "from"."""

_MUTUAL = {
    "en": (
        "far farther further distance distances away apart near close closer different differ differs differently "
        "differing difference differences"
    ),
    "de": "weit entfernt entfernung abstand nah nahe",
}
MUTUAL: dict[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _MUTUAL.items()}
"""Beside them both directions say the same: "the distance to Berlin" and "the distance from Berlin"."""

_SYMMETRIC = {
    "en": (
        "and or vs versus between with both either nor difference differ different compare compared "
        "comparison similar same equal related combine relationship relation together v similarity "
        "similarities & / distinguish"
    ),
    "de": ("und oder vs versus zwischen mit unterschied unterschiede vergleich vergleichen gleich ähnlich & /"),
    "es": "y e o u vs versus entre con diferencia diferencias comparar igual similar & /",
    "fr": "et ou vs versus entre avec différence différences comparer égal similaire & /",
    "it": "e ed o vs versus tra fra con differenza differenze confronto uguale simile & /",
    "pt": "e ou vs versus entre com diferença diferenças comparar igual semelhante & /",
    "nl": "en of vs versus tussen met verschil verschillen vergelijk gelijk & /",
    "ro": "și sau vs versus între cu diferența diferențe comparație & /",
    "tr": "ve veya ile vs arasında fark farkı & /",
    "ru": "и или между с разница различие сравнение & /",
    "el": "και ή μεταξύ με διαφορά & /",
    "ar": "و أو بين مع الفرق & /",
    "hi": "और या बीच अंतर & /",
    "vi": "và hoặc giữa với khác so & /",
}
SYMMETRIC: dict[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _SYMMETRIC.items()}
"""Words that join two things whose order says nothing."""
