"""Word lists behind `features.py`, by language (ISO 639-1)."""

from __future__ import annotations

__all__ = ["MONTHS", "NEGATIONS", "NUMBERS", "QUESTIONS", "TIMES"]

# What a question asks for, as a pattern of its casefolded text. An ambiguous word (Romanian "care", Greek "ποια") is not
# listed: a question of unknown kind costs less than one taken for another.
QUESTIONS: dict[str, dict[str, str]] = {
    "en": {
        "number": r"\bhow (many|much|old|long|far|tall|high|large|big|often|fast|deep|wide|heavy|late|early)\b"
        r"|\b(what|which) (is the |was the |are the )?(\w+ )?(percent|percentage|number|amount|age|share|fraction|rate|price"
        r"|cost|size|length|height|width|depth|weight|speed|distance|temperature|population|limit|score|ratio|port)\b",
        "time": r"\bwhen\b|\bhow long ago\b|\b(what|which) (\w+ )?(year|years|date|dates|day|month|decade|century|time|season)\b",
        "name": r"\b(who|whom|whose|where)\b|\b(what|which) (\w+ )?(person|people|man|woman|author|player|actor|city|country"
        r"|state|place|region|river|town|continent|company|organization|organisation|party|team|university|school)\b",
    },
    "de": {
        "number": r"\bwie ?(viele?[ns]?|lange|alt|hoch|weit|groß|oft|schwer|tief|breit|schnell|teuer|häufig)\b"
        r"|\bwelche[rsnm]? (prozentsatz|anteil|anzahl|zahl|alter|preis|höhe|größe|länge)\b|\bwie (hoch|groß) ",
        "time": r"\bwann\b|\bwelche[rsnm]? (jahre?n?|datum|tag|monat|jahrzehnt|jahrhundert|zeit)\b",
        "name": r"\b(wer|wen|wem|wessen|wo|woher|wohin)\b|\bwelche[rsnm]? (stadt|land|ort|region|spieler|partei|firma)\b",
    },
    "es": {
        "number": r"\bcuánt[oa]s?\b|\bqué (porcentaje|número|cantidad|edad|proporción|precio|tamaño|altura)\b",
        "time": r"\bcuándo\b|\bqué (año|años|fecha|día|mes|década|siglo|época)\b",
        "name": r"\b(quién|quiénes|dónde|adónde)\b|\bqué (ciudad|país|estado|lugar|región|jugador|partido|empresa)\b",
    },
    "fr": {
        "number": r"\bcombien\b|\bquel(le)? (est l['’]|est la |est le )?(âge|pourcentage|nombre|part|prix|taille|hauteur)\b",
        "time": r"\bquand\b|\bquel(le)?s? (année|années|date|jour|mois|décennie|siècle|époque|heure)\b",
        "name": r"\b(qui|où)\b|\bquel(le)? (ville|pays|lieu|région|joueur|parti|entreprise|personne)\b",
    },
    "it": {
        "number": r"\bquant[oaie]\b|\b(quale|che) (percentuale|numero|quantità|età|prezzo|altezza)\b",
        "time": r"\bquando\b|\b(quale|che|quali) (anno|anni|data|giorno|mese|decennio|secolo)\b",
        "name": r"\b(chi|dove|dov)\b|\b(quale|che) (città|paese|luogo|regione|giocatore|partito|azienda)\b",
    },
    "pt": {
        "number": r"\bquant[oa]s?\b|\b(qual|que) (é a |é o )?(porcentagem|percentagem|número|quantidade|idade|preço)\b",
        "time": r"\bquando\b|\b(qual|que) (ano|anos|data|dia|mês|década|século)\b",
        "name": r"\b(quem|onde)\b|\b(qual|que) (cidade|país|lugar|região|jogador|partido|empresa)\b",
    },
    "nl": {
        "number": r"\bhoeveel\b|\bhoe (oud|lang|ver|hoog|groot|vaak|snel|diep|breed|zwaar)\b|\bwelk (percentage|aantal|deel)\b",
        "time": r"\bwanneer\b|\bwelke? (jaar|jaren|datum|dag|maand|decennium|eeuw)\b",
        "name": r"\b(wie|waar|waarheen)\b|\bwelke? (stad|land|plaats|speler|partij|persoon|bedrijf)\b",
    },
    "ro": {
        "number": r"\b(cât|câtă|câți|câţi|câte)\b|\bce (procent|procentaj|număr|vârstă|proporție|cantitate|viteză|înălțime)\b",
        "time": r"\bcând\b|\b(ce|care) (an|ani|dată|zi|lună|deceniu|secol|perioadă)\b",
        "name": r"\b(cine|cui|unde)\b|\b(ce|care) (oraș|țară|stat|loc|regiune|jucător|partid|companie)\b",
    },
    "tr": {
        "number": r"\b(kaç|kaçı|kaçta|kaçtır|kaçıncı)\b|\bne kadar\b|\byüzde kaç",
        "time": r"\bne zaman\b|\bhangi (yıl|tarih|gün|ay|yüzyıl|dönem)\w*|\bkaç yılında\b",
        "name": r"\b(kim|kimdi|kimdir|kimin|kime|kimi|kimler|kimden)\b|\bnere\w+|\bhangi (şehir|ülke|yer|oyuncu|takım|parti)\w*",
    },
    "ru": {
        "number": r"\bскольк\w+|\bкак (часто|долго|далеко|велик\w*|высок\w*)\b|\bкак\w+ (процент|дол|част|числ|количеств|возраст)\w*",
        "time": r"\bкогда\b|\bкак\w+ (год|дат|ден|дн|месяц|десятилет|век|столет|период)\w*",
        "name": r"\b(кто|кого|кому|кем|чей|чья|чьё|где|куда|откуда)\b|\bкак\w+ (город|стран|мест|штат|регион|игрок|парти)\w*",
    },
    "el": {
        "number": r"\bπόσ\w+|\bτι (ποσοστό|αριθμό|ηλικία)|\bποι[οα] (ποσοστό|είναι ο αριθμός)",
        "time": r"\bπότε\b|\b(ποι[οα]|τι|ποιον|ποια) (έτος|χρονιά|χρόνο|ημερομηνία|ημέρα|μήνα|δεκαετία|αιώνα)",
        "name": r"\b(ποιος|ποιον|ποιοι|ποιους|ποιανού|πού)\b|\bποια (πόλη|χώρα|πολιτεία|ομάδα|εταιρεία|περιοχή)",
    },
    "ar": {"number": r"\bكم\b|\bما (عدد|نسبة|هي نسبة|هو عدد)", "time": r"\bمتى\b|\bأي (عام|سنة|تاريخ|يوم|شهر|عقد|قرن)", "name": r"$^"},
    "hi": {"number": r"कितन|क्या प्रतिशत|किस संख्या", "time": r"\bकब\b|किस (वर्ष|साल|तारीख|दिन|महीने|दशक|सदी)", "name": r"$^"},
    "th": {"number": r"กี่|เท่าไร|เท่าไหร่|เท่าใด", "time": r"เมื่อไร|เมื่อไหร่|เมื่อใด|(ปี|วัน|เดือน|ศตวรรษ)(ใด|ไหน|อะไร)", "name": r"$^"},
    "vi": {
        "number": r"\b(bao nhiêu|mấy|bao lâu|bao xa)\b",
        "time": r"\b(khi nào|bao giờ|lúc nào)\b|\b(năm|ngày|tháng|thế kỷ|thập kỷ) (nào|bao nhiêu)\b",
        "name": r"\b(ai|ở đâu|nơi nào|đâu)\b|\b(thành phố|nước|quốc gia|bang|cầu thủ|công ty|đảng) nào\b",
    },
    "zh": {
        "number": r"多少|几(?!乎)|多(大|高|长|远|久|重|深|宽|快)|百分之",
        "time": r"何时|什么时候|什么时间|哪(一)?(年|天|月|日)|何年|几(年|月|日|号)|哪个(世纪|年代|时期)",
        "name": r"$^",
    },
    "ja": {"number": r"いくつ|いくら|何(人|個|回|歳|年間|冊|台|本|件|パーセント|%)|どれくらい|どのくらい", "time": r"いつ|何(年|月|日|時|世紀)(?!間)", "name": r"$^"},
}
