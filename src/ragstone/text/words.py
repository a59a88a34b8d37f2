"""Word lists behind `features.py`, by language (ISO 639-1)."""

from __future__ import annotations

__all__ = ["COMPARISONS", "MONTHS", "NEGATIONS", "NUMBERS", "QUESTIONS", "TIMES"]

# What a question asks for, as a pattern of its casefolded text. An ambiguous word (Romanian "care", Greek "ποια") is
# not listed: a question of unknown kind costs less than one taken for another.
QUESTIONS: dict[str, dict[str, str]] = {
    "en": {
        "number": (
            r"\bhow (many|much|old|long|far|tall|high|large|big|deep|wide|heavy)\b|\b(what|which) (is the |was the |"
            r"are the )?(\w+ ){0,2}(percent|percentage|number|amount|age|share|fraction|rate|price|cost|size|length|"
            r"height|width|depth|weight|speed|distance|temperature|population|limit|score|ratio|port)\b"
        ),
        "time": (  # "when should I" asks for a condition
            r"\bwhen\b(?! (should|can|do|to|must|may|would|could|might)\b)|\bhow long ago\b|\b(what|which) (\w+ )?"
            r"(year|years|date|dates|day|month|decade|century|time|season)\b"
        ),
        "name": r"\b(who|whom|whose|where)\b|\b(what|which) (\w+ )?(person|people|man|woman|author|player|actor|city|"
        r"country|state|place|region|river|town|continent|company|organization|organisation|party|team|university|"
        r"school)\b",
        "definition": (
            r"^what('s| is| are| does) (an? |the )?"
            r"(?P<subject>[^ ?]+( [^ ?]+){0,2}?)( mean| do| stand for)?\W*$"
        ),
    },
    "de": {
        "number": r"\bwie ?(viele?[ns]?|lange|alt|hoch|weit|groß|oft|schwer|tief|breit|schnell|teuer|häufig)\b|"
        r"\bwelche[rsnm]? (prozentsatz|anteil|anzahl|zahl|alter|preis|höhe|größe|länge)\b|\bwie (hoch|groß) ",
        "time": r"\bwann\b|\bwelche[rsnm]? (jahre?n?|datum|tag|monat|jahrzehnt|jahrhundert|zeit)\b",
        "name": (
            r"\b(wer|wen|wem|wessen|wo|woher|wohin)\b|\bwelche[rsnm]? (stadt|land|ort|region|spieler|partei|"
            r"firma)\b"
        ),
        "definition": (
            r"^was (ist|sind|bedeutet|bedeuten) (ein |eine |der |die |das )?"
            r"(?P<subject>[^ ?]+( [^ ?]+){0,2})\W*$"
        ),
    },
    "es": {
        "number": r"\bcuánt[oa]s?\b|\bqué (porcentaje|número|cantidad|edad|proporción|precio|tamaño|altura)\b",
        "time": r"\bcuándo\b|\bqué (año|años|fecha|día|mes|década|siglo|época)\b",
        "name": r"\b(quién|quiénes|dónde|adónde)\b|\bqué (ciudad|país|estado|lugar|región|jugador|partido|empresa)\b",
        "definition": (
            r"^\W*qué (es|son|significa) (un |una |el |la |los |las )?"
            r"(?P<subject>[^ ?]+( [^ ?]+){0,2})\W*$"
        ),
    },
    "fr": {
        "number": (
            r"\bcombien\b|\bquel(le)? (est l['’]|est la |est le )?(âge|pourcentage|nombre|part|prix|taille|"
            r"hauteur)\b"
        ),
        "time": r"\bquand\b|\bquel(le)?s? (année|années|date|jour|mois|décennie|siècle|époque|heure)\b",
        "name": r"\b(qui|où)\b|\bquel(le)? (ville|pays|lieu|région|joueur|parti|entreprise|personne)\b",
        "definition": (
            r"^(qu['’]est-ce que?( c['’]est que?)? |que signifie )(un |une |le |la |les |l['’])?"
            r"(?P<subject>[^ ?]+( [^ ?]+){0,2})\W*$"
        ),
    },
    "it": {
        "number": r"\bquant[oaie]\b|\b(quale|che) (percentuale|numero|quantità|età|prezzo|altezza)\b",
        "time": r"\bquando\b|\b(quale|che|quali) (anno|anni|data|giorno|mese|decennio|secolo)\b",
        "name": r"\b(chi|dove|dov)\b|\b(quale|che) (città|paese|luogo|regione|giocatore|partito|azienda)\b",
        "definition": (
            r"^(che )?cos['’ ]?[aeè]* ?(è|sono) (un |una |un['’]|il |la |lo |i |gli |le |l['’])?"
            r"(?P<subject>[^ ?]+( [^ ?]+){0,2})\W*$"
        ),
    },
    "pt": {
        "number": r"\bquant[oa]s?\b|\b(qual|que) (é a |é o )?(porcentagem|percentagem|número|quantidade|idade|preço)\b",
        "time": r"\bquando\b|\b(qual|que) (ano|anos|data|dia|mês|década|século)\b",
        "name": r"\b(quem|onde)\b|\b(qual|que) (cidade|país|lugar|região|jogador|partido|empresa)\b",
        "definition": r"^o que (é|são|significa) (um |uma |o |a |os |as )?(?P<subject>[^ ?]+( [^ ?]+){0,2})\W*$",
    },
    "nl": {
        "number": (
            r"\bhoeveel\b|\bhoe (oud|lang|ver|hoog|groot|vaak|snel|diep|breed|zwaar)\b|\bwelk (percentage|aantal|"
            r"deel)\b"
        ),
        "time": r"\bwanneer\b|\bwelke? (jaar|jaren|datum|dag|maand|decennium|eeuw)\b",
        "name": r"\b(wie|waar|waarheen)\b|\bwelke? (stad|land|plaats|speler|partij|persoon|bedrijf)\b",
        "definition": r"^wat (is|zijn|betekent) (een |de |het )?(?P<subject>[^ ?]+( [^ ?]+){0,2})\W*$",
    },
    "ro": {
        "number": (
            r"\b(cât|câtă|câți|câţi|câte)\b|\bce (procent|procentaj|număr|vârstă|proporție|cantitate|viteză|"
            r"înălțime)\b"
        ),
        "time": r"\bcând\b|\b(ce|care) (an|ani|dată|zi|lună|deceniu|secol|perioadă)\b",
        "name": r"\b(cine|cui|unde)\b|\b(ce|care) (oraș|țară|stat|loc|regiune|jucător|partid|companie)\b",
    },
    "tr": {
        "number": r"\b(kaç|kaçı|kaçta|kaçtır|kaçıncı)\b|\bne kadar\b|\byüzde kaç",
        "time": r"\bne zaman\b|\bhangi (yıl|tarih|gün|ay|yüzyıl|dönem)\w*|\bkaç yılında\b",
        "name": r"\b(kim|kimdi|kimdir|kimin|kime|kimi|kimler|kimden)\b|\bnere\w+|\bhangi (şehir|ülke|yer|oyuncu|takım|"
        r"parti)\w*",
    },
    "ru": {
        "number": (
            r"\bскольк\w+|\bкак (часто|долго|далеко|велик\w*|высок\w*)\b|\bкак\w+ (процент|дол|част|числ|количеств|"
            r"возраст)\w*"
        ),
        "time": r"\bкогда\b|\bкак\w+ (год|дат|ден|дн|месяц|десятилет|век|столет|период)\w*",
        "name": r"\b(кто|кого|кому|кем|чей|чья|чьё|где|куда|откуда)\b|\bкак\w+ (город|стран|мест|штат|регион|игрок|"
        r"парти)\w*",
        "definition": r"^что (такое|означает) (?P<subject>[^ ?]+( [^ ?]+){0,2})\W*$",
    },
    "el": {
        "number": r"\bπόσ\w+|\bτι (ποσοστό|αριθμό|ηλικία)|\bποι[οα] (ποσοστό|είναι ο αριθμός)",
        "time": r"\bπότε\b|\b(ποι[οα]|τι|ποιον|ποια) (έτος|χρονιά|χρόνο|ημερομηνία|ημέρα|μήνα|δεκαετία|αιώνα)",
        "name": r"\b(ποιος|ποιον|ποιοι|ποιους|ποιανού|πού)\b|\bποια (πόλη|χώρα|πολιτεία|ομάδα|εταιρεία|περιοχή)",
    },
    "ar": {
        "number": r"\bكم\b|\bما (عدد|نسبة|هي نسبة|هو عدد)",
        "time": r"\bمتى\b|\bأي (عام|سنة|تاريخ|يوم|شهر|عقد|قرن)",
    },
    "hi": {
        "number": r"कितन|क्या प्रतिशत|किस संख्या",
        "time": r"\bकब\b|किस (वर्ष|साल|तारीख|दिन|महीने|दशक|सदी)",
    },
    "th": {
        "number": r"กี่|เท่าไร|เท่าไหร่|เท่าใด",
        "time": r"เมื่อไร|เมื่อไหร่|เมื่อใด|(ปี|วัน|เดือน|ศตวรรษ)(ใด|ไหน|อะไร)",
    },
    "vi": {
        "number": r"\b(bao nhiêu|mấy|bao lâu|bao xa)\b",
        "time": r"\b(khi nào|bao giờ|lúc nào)\b|\b(năm|ngày|tháng|thế kỷ|thập kỷ) (nào|bao nhiêu)\b",
        "name": r"\b(ai|ở đâu|nơi nào|đâu)\b|\b(thành phố|nước|quốc gia|bang|cầu thủ|công ty|đảng) nào\b",
    },
    "zh": {
        "number": r"多少|几(?!乎)|多(大|高|长|远|久|重|深|宽|快)|百分之",
        "time": r"何时|什么时候|什么时间|哪(一)?(年|天|月|日)|何年|几(年|月|日|号)|哪个(世纪|年代|时期)",
    },
    "ja": {
        "number": r"いくつ|いくら|何(人|個|回|歳|年間|冊|台|本|件|パーセント|%)|どれくらい|どのくらい",
        "time": r"いつ|何(年|月|日|時|世紀)(?!間)",
    },
}

# Months in the forms that stand beside a day or a year, January first; all languages in one, since none clash.
_MONTHS = (
    "january jan januar jänner enero janvier gennaio janeiro januari ianuarie ocak января январь ιανουαρίου ιανουάριος",
    "february feb februar febrero février febbraio fevereiro februari februarie şubat февраля февраль φεβρουαρίου"
    " φεβρουάριος",
    "march mar märz marzo mars março maart martie mart марта март μαρτίου μάρτιος",
    "april apr abril avril aprile aprilie nisan апреля апрель απριλίου απρίλιος",
    "may mai mayo maggio maio mei mayıs мая май μαΐου μάιος",
    "june jun juni junio juin giugno junho iunie haziran июня июнь ιουνίου ιούνιος",
    "july jul juli julio juillet luglio julho iulie temmuz июля июль ιουλίου ιούλιος",
    "august aug agosto août augustus ağustos августа август αυγούστου αύγουστος",
    "september sep sept septiembre septembre settembre setembro septembrie eylül сентября сентябрь σεπτεμβρίου"
    " σεπτέμβριος",
    "october oct oktober octubre octobre ottobre outubro octombrie ekim октября октябрь οκτωβρίου οκτώβριος",
    "november nov noviembre novembre novembro noiembrie kasım ноября ноябрь νοεμβρίου νοέμβριος",
    "december dec dezember diciembre décembre dicembre dezembro decembrie aralık декабря декабрь δεκεμβρίου δεκέμβριος",
)
MONTHS: dict[str, int] = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}

# Words that place something in time without a digit.
_TIMES = {
    "en": (
        "monday tuesday wednesday thursday friday saturday sunday spring summer autumn winter century centuries"
        " decade morning noon afternoon evening midnight today tomorrow yesterday weekly monthly yearly daily"
        " annually"
    ),
    "de": "montag dienstag mittwoch donnerstag freitag samstag sonntag frühling sommer herbst winter jahrhundert"
    " jahrzehnt morgens mittags abends heute morgen gestern täglich wöchentlich monatlich jährlich",
    "es": (
        "lunes martes miércoles jueves viernes sábado domingo primavera verano otoño invierno siglo década hoy mañana"
    ),
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche printemps été automne hiver siècle décennie hier demain",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica primavera estate autunno inverno secolo decennio",
    "pt": "segunda terça quarta quinta sexta sábado domingo primavera verão outono inverno século década hoje amanhã",
    "nl": "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag lente zomer herfst winter eeuw decennium vandaag",
    "ro": "luni marți miercuri joi vineri sâmbătă duminică primăvara vara toamna iarna secol secolul deceniu azi mâine",
    "tr": "pazartesi salı çarşamba perşembe cuma cumartesi pazar ilkbahar yaz sonbahar kış yüzyıl yüzyılda bugün yarın",
    "ru": "понедельник вторник среду четверг пятницу субботу воскресенье весной летом осенью зимой век веке столетие",
    "el": "δευτέρα τρίτη τετάρτη πέμπτη παρασκευή σάββατο κυριακή άνοιξη καλοκαίρι φθινόπωρο χειμώνα αιώνα δεκαετία",
}
TIMES = {language: frozenset(words.split()) for language, words in _TIMES.items()}

# Cardinals in the order 0 to 20, then 30, 40, … 100, then thousand, million and billion. A "|" separates forms of one
# number; "-" stands where the word is the indefinite article as well.
_CARDINALS = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million"
    " billion",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn"
    " siebzehn achtzehn neunzehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert tausend"
    " million|millionen milliarde|milliarden",
    "es": (
        "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis"
        " diecisiete dieciocho diecinueve veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa cien|"
        "ciento mil millón|millones millardo"
    ),
    "fr": "zéro - deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept"
    " dix-huit dix-neuf vingt trente quarante cinquante soixante soixante-dix quatre-vingts quatre-vingt-dix cent"
    " mille million|millions milliard|milliards",
    "it": "zero - due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici"
    " diciassette diciotto diciannove venti trenta quaranta cinquanta sessanta settanta ottanta novanta cento"
    " mille|mila milione|milioni miliardo|miliardi",
    "pt": (
        "zero - dois|duas três quatro cinco seis sete oito nove dez onze doze treze catorze|quatorze quinze"
        " dezesseis dezessete dezoito dezenove vinte trinta quarenta cinquenta sessenta setenta oitenta noventa"
        " cem|cento mil milhão|milhões bilhão|bilhões"
    ),
    "nl": (
        "nul één twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien"
        " zeventien achttien negentien twintig dertig veertig vijftig zestig zeventig tachtig negentig honderd"
        " duizend miljoen miljard"
    ),
    "ro": "zero unu doi|două trei patru cinci șase|şase șapte|şapte opt nouă zece unsprezece doisprezece treisprezece"
    " paisprezece cincisprezece șaisprezece șaptesprezece optsprezece nouăsprezece douăzeci treizeci patruzeci"
    " cincizeci șaizeci șaptezeci optzeci nouăzeci sută|sute mie|mii milion|milioane miliard|miliarde",
    "ru": (
        "ноль один|одна|одно|одного два|две|двух три|трёх|трех четыре|четырёх|четырех пять|пяти шесть|шести семь|"
        "семи восемь|восьми девять|девяти десять|десяти одиннадцать двенадцать тринадцать четырнадцать пятнадцать"
        " шестнадцать семнадцать восемнадцать девятнадцать двадцать тридцать сорок пятьдесят шестьдесят семьдесят"
        " восемьдесят девяносто сто тысяча|тысячи|тысяч миллион|миллиона|миллионов миллиард|миллиарда|миллиардов"
    ),
    "tr": (
        "sıfır - iki üç dört beş altı yedi sekiz dokuz on onbir oniki onüç ondört onbeş onaltı onyedi onsekiz"
        " ondokuz yirmi otuz kırk elli altmış yetmiş seksen doksan yüz bin milyon milyar"
    ),
    "el": "μηδέν - δύο|δυο τρία|τρεις|τριών τέσσερα|τέσσερις|τεσσάρων πέντε έξι επτά|εφτά οκτώ|οχτώ εννέα|εννιά δέκα"
    " έντεκα δώδεκα δεκατρία|δεκατρείς δεκατέσσερα|δεκατέσσερις δεκαπέντε δεκαέξι δεκαεπτά δεκαοκτώ δεκαεννέα"
    " είκοσι τριάντα σαράντα πενήντα εξήντα εβδομήντα ογδόντα ενενήντα εκατό χίλια|χιλιάδες εκατομμύριο|"
    "εκατομμύρια δισεκατομμύριο|δισεκατομμύρια",
}
_VALUES = (*range(21), *range(30, 101, 10), 1_000, 1_000_000, 1_000_000_000)
NUMBERS: dict[str, dict[str, int]] = {
    language: {form: value for forms, value in zip(words.split(), _VALUES, strict=True) for form in forms.split("|")}
    for language, words in _CARDINALS.items()
}

_NEGATIONS = {
    "en": "not no never none nobody nothing nowhere neither nor without cannot",
    "de": "nicht nichts nie niemals niemand kein keine keinen keinem keiner keines nirgends ohne weder",
    "es": "no nunca jamás nadie nada ningún ninguno ninguna ni sin tampoco",
    "fr": "ne pas jamais rien personne aucun aucune ni sans nulle",
    "it": "non mai nessuno nessuna niente nulla né senza neanche",
    "pt": "não nunca jamais ninguém nada nenhum nenhuma nem sem",
    "nl": "niet niets nooit niemand geen nergens zonder noch",
    "ro": "nu niciodată nimeni nimic niciun nicio fără nici",
    "tr": "değil değildir yok yoktur asla hiç hiçbir olmayan",
    "ru": "не нет ни никогда никто ничто ничего никакой нельзя без",
    "el": "δεν δε μη μην όχι ποτέ κανείς κανένας καμία τίποτα χωρίς ούτε",
    "ar": "لا لم لن ليس ليست غير بدون دون ما",
    "hi": "नहीं न मत ना बिना कभी",
    "vi": "không chưa chẳng đừng",
}
NEGATIONS = {language: frozenset(words.split()) for language, words in _NEGATIONS.items()}

_COMPARISONS = {
    "en": "than versus vs compare compared comparison differ difference differences both either between unlike",
    "de": "als versus vergleich verglichen vergleiche unterschied unterschiede unterscheiden beide zwischen",
    "es": "versus comparar comparado comparación diferencia diferencias ambos ambas entre",
    "fr": "versus comparer comparé comparaison différence différences deux entre plutôt",
    "it": "rispetto versus confronto confrontare differenza differenze entrambi entrambe tra",
    "pt": "versus comparar comparado comparação diferença diferenças ambos ambas entre",
    "nl": "dan versus vergelijk vergeleken vergelijking verschil verschillen beide tussen",
    "ro": "decât versus comparativ comparație diferența diferențe ambele ambii între",
    "tr": "karşılaştır karşılaştırma fark farkı farklar ikisi arasında",
    "ru": "чем сравнить сравнение сравнению разница различие различия оба обе между",
    "el": "από σύγκριση διαφορά διαφορές αμφότεροι μεταξύ",
    "ar": "مقارنة الفرق بين كلا كلتا",
    "hi": "तुलना अंतर फर्क दोनों बीच",
    "vi": "hơn so sánh khác biệt cả hai giữa",
}
COMPARISONS = {language: frozenset(words.split()) for language, words in _COMPARISONS.items()}
