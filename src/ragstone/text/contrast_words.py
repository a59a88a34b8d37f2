"""Word lists behind `contrasts.py` and `asking.py`, by language (ISO 639-1)."""

from __future__ import annotations

__all__ = [
    "ASKING",
    "BY_CHARACTER",
    "DENIALS",
    "IDLE_DENIALS",
    "NEGATING",
    "OPPOSITES",
    "UNSPACED",
]

# ── Opposites ───────────────────────────────────────────────────────────────────────────────────────────────────────

# "|" parts forms of one side, "/" the two sides.
_OPPOSITES = {
    "en": (
        "more|greater|higher|larger|bigger/less|fewer|lower|smaller before|prior/after|following "
        "minimum|min|least|minimal|lowest|smallest|fewest/maximum|max|most|maximal|highest|largest|biggest "
        "with|including/without|excluding|except "
        "increase|raise|grow|gain|rise|boost/decrease|reduce|lower|lose|shrink|fall|drop|cut|lessen "
        "best|better|good|great/worst|worse|bad|poor high/low big|large|huge/small|little|tiny "
        "long|longer|longest/short|shorter|shortest "
        "old|older|oldest/new|newer|newest|young|younger|youngest hot|hotter|warm/cold|colder|cool "
        "fast|faster|fastest|quick|quickly|quicker/slow|slower|slowest|slowly "
        "early|earlier|earliest/late|later|latest "
        "first|start|begin|beginning|open/last|end|stop|finish|quit|close "
        "enable|activate|allow|permit/disable|deactivate|forbid|prohibit|ban|prevent|block on/off up/down "
        "in|inside|into/out|outside|out of import/export buy|purchase/sell|rent upload/download "
        "send/receive win/lose add|insert|append/remove|delete|subtract install/uninstall|remove "
        "encrypt|encode|compress/decrypt|decode|decompress accept|approve/reject|refuse|deny|decline "
        "love|like/hate|dislike always/never all|every|everyone|everybody/none|nobody "
        "true|right|correct/false|wrong|incorrect positive/negative "
        "advantage|benefit|pro|pros|strength/disadvantage|drawback|con|cons|weakness|risk|danger "
        "male|man|men|boy|boys|boyfriend|husband|father|son|brother|he|his|him/"
        "female|woman|women|girl|girls|girlfriend|wife|mother|daughter|sister|she|her|hers "
        "easy|easier|easiest|simple/hard|harder|hardest|difficult safe/dangerous|unsafe "
        "rich|richest/poor|poorest strong|stronger/weak|weaker input/output above|over/below|under "
        "beneath|front/behind|back cheap|cheaper|cheapest/expensive|pricey public/private "
        "legal|allowed/illegal|banned|forbidden same|similar/different|opposite left/right "
        "north|northern/south|southern east|eastern/west|western save|keep|deposit/spend|delete|withdraw "
        "lock/unlock login|in/logout|out arrive/leave|depart give/take lend/borrow teach/learn "
        "ask|question/answer|reply employer/employee buyer/seller alive|live|living/dead|die "
        "success|successful|succeed/failure|failed|fail upper|top/lower|bottom internal/external "
        "day/night winter/summer indoor/outdoor connect|attach|join/disconnect|detach "
        "show|reveal/hide|conceal follow/unfollow vertical/horizontal single|married ascending/descending "
        "encourage/discourage expand/contract multiply/divide front-end|frontend/back-end|backend "
        "sync/async synchronous/asynchronous serial/parallel primary/secondary absolute/relative "
        "early/late push/pull read/write client/server male/female married/divorced freeze/melt|thaw "
        "agree/disagree appear/disappear believe|trust/doubt|distrust build|create/destroy attack/defend "
        "friend/enemy smart|intelligent|clever/stupid|dumb happy/sad thin|skinny|slim/fat|thick "
        "full/empty wet/dry clean/dirty light|bright/dark|heavy local/global|remote free/paid "
        "weekday/weekend within|during/outside|after during/before inside/beyond on|onto/off until|till/after|since "
        "inbound|incoming/outbound|outgoing upstream/downstream forward|forwards/backward|backwards "
        "entrance|entry/exit arrival/departure ahead/behind"
    ),
    "de": (
        "mehr|größer|höher/weniger|kleiner|niedriger|geringer vor|vorher|bevor/nach|nachher|nachdem "
        "minimum|mindestens|minimal|niedrigste|kleinste/maximum|höchstens|maximal|höchste|größte "
        "mit/ohne|außer erhöhen|steigern|zunehmen|steigen/senken|verringern|abnehmen|sinken|reduzieren "
        "beste|besser|gut/schlechteste|schlechter|schlecht hoch/niedrig|tief groß/klein "
        "lang|länger/kurz|kürzer alt|älter/neu|neuer|jung|jünger heiß|warm/kalt "
        "schnell|schneller/langsam|langsamer früh|früher/spät|später "
        "erste|anfangen|beginnen|öffnen/letzte|aufhören|enden|schließen "
        "aktivieren|erlauben|einschalten/deaktivieren|verbieten|ausschalten kaufen/verkaufen|mieten "
        "importieren/exportieren hochladen/herunterladen senden/empfangen gewinnen/verlieren "
        "hinzufügen/entfernen|löschen installieren/deinstallieren verschlüsseln/entschlüsseln "
        "annehmen/ablehnen lieben/hassen immer/nie alle/keine|einige wahr|richtig/falsch "
        "vorteil|vorteile/nachteil|nachteile mann|männer/frau|frauen leicht|einfach/schwer|schwierig "
        "sicher/gefährlich reich/arm oben|über/unten|unter billig|günstig/teuer links/rechts norden/süden "
        "osten/westen eingang|eingabe/ausgang|ausgabe innerhalb/außerhalb"
    ),
    "es": (
        "más|mayor/menos|menor antes/después mínimo|mínima/máximo|máxima con/sin|excepto "
        "aumentar|subir|incrementar|ganar/disminuir|bajar|reducir|perder mejor|bueno|buena/peor|malo|mala "
        "alto|alta/bajo|baja grande/pequeño|pequeña largo|larga/corto|corta "
        "viejo|vieja|antiguo/nuevo|nueva|joven caliente/frío rápido|rápida/lento|lenta temprano/tarde "
        "primero|primera|empezar|abrir/último|última|terminar|cerrar activar|permitir/desactivar|prohibir "
        "comprar/vender|alquilar importar/exportar subir/bajar|descargar enviar/recibir "
        "añadir|agregar/eliminar|quitar|borrar instalar/desinstalar aceptar/rechazar amar/odiar "
        "siempre/nunca todos/ninguno|algunos verdadero/falso ventaja|ventajas/desventaja|desventajas "
        "hombre|hombres/mujer|mujeres fácil/difícil seguro/peligroso rico/pobre arriba|sobre/abajo|debajo "
        "barato/caro izquierda/derecha norte/sur este/oeste entrada/salida dentro/fuera"
    ),
    "fr": (
        "plus|supérieur/moins|inférieur avant/après minimum|minimal|minimale/maximum|maximal|maximale "
        "avec/sans|sauf augmenter|monter|gagner/diminuer|baisser|réduire|perdre "
        "meilleur|meilleure|bon|bonne/pire|mauvais|mauvaise haut|haute/bas|basse "
        "grand|grande/petit|petite long|longue/court|courte vieux|vieille|ancien/nouveau|nouvelle|jeune "
        "chaud|chaude/froid|froide rapide|vite/lent|lente|lentement tôt/tard "
        "premier|première|commencer|ouvrir/dernier|dernière|finir|fermer "
        "activer|autoriser|permettre/désactiver|interdire acheter/vendre|louer importer/exporter "
        "envoyer/recevoir ajouter/supprimer|enlever|retirer installer/désinstaller accepter/refuser "
        "aimer/détester|haïr toujours/jamais tous/aucun vrai/faux "
        "avantage|avantages/inconvénient|inconvénients homme|hommes/femme|femmes facile/difficile "
        "sûr/dangereux riche/pauvre dessus|sur/dessous|sous gratuit/payant gauche/droite nord/sud "
        "est/ouest entrée/sortie dans|dedans/hors|dehors"
    ),
    "it": (
        "più|maggiore/meno|minore prima/dopo minimo|minima/massimo|massima con/senza|tranne "
        "aumentare|salire/diminuire|ridurre|scendere|perdere "
        "migliore|buono|meglio/peggiore|cattivo|peggio alto|alta/basso|bassa grande/piccolo|piccola "
        "lungo|lunga/corto|breve vecchio|vecchia/nuovo|nuova|giovane caldo/freddo veloce/lento "
        "primo|prima|iniziare|aprire/ultimo|ultima|finire|chiudere "
        "attivare|permettere/disattivare|vietare comprare/vendere|affittare importare/esportare "
        "inviare/ricevere aggiungere/rimuovere|eliminare accettare/rifiutare amare/odiare sempre/mai "
        "vero/falso vantaggio|vantaggi/svantaggio|svantaggi uomo|uomini/donna|donne facile/difficile "
        "sicuro/pericoloso ricco/povero sopra/sotto economico/costoso sinistra/destra nord/sud est/ovest "
        "dentro|entro/fuori"
    ),
    "pt": (
        "mais|maior/menos|menor antes/depois|após mínimo|mínima/máximo|máxima com/sem|exceto "
        "aumentar|subir|ganhar/diminuir|reduzir|baixar|perder melhor|bom|boa/pior|mau|má|ruim "
        "alto|alta/baixo|baixa grande/pequeno|pequena longo|longa/curto|curta "
        "velho|velha|antigo/novo|nova|jovem quente/frio rápido/lento cedo/tarde "
        "primeiro|primeira|começar|abrir/último|última|terminar|fechar ativar|permitir/desativar|proibir "
        "comprar/vender|alugar importar/exportar enviar/receber adicionar/remover|excluir|apagar "
        "aceitar/recusar amar/odiar sempre/nunca verdadeiro/falso "
        "vantagem|vantagens/desvantagem|desvantagens homem|homens/mulher|mulheres fácil/difícil "
        "seguro/perigoso rico/pobre acima|sobre/abaixo|sob barato/caro esquerda/direita norte/sul "
        "leste/oeste dentro/fora"
    ),
    "nl": (
        "meer|groter|hoger/minder|kleiner|lager voor|voordat/na|nadat "
        "minimum|minimaal|minstens/maximum|maximaal|hoogstens met/zonder|behalve "
        "verhogen|stijgen|toenemen|winnen/verlagen|dalen|afnemen|verliezen|verminderen "
        "beste|beter|goed|goede/slechtste|slechter|slecht|slechte hoog|hoge/laag|lage "
        "groot|grote/klein|kleine lang|langer/kort|korter oud|oude|ouder/nieuw|nieuwe|jong|jonge "
        "heet|warm/koud snel|sneller/langzaam|langzamer vroeg/laat|later "
        "eerste|beginnen|openen/laatste|stoppen|eindigen|sluiten "
        "inschakelen|toestaan/uitschakelen|verbieten kopen/verkopen|huren importeren/exporteren "
        "verzenden|sturen/ontvangen toevoegen/verwijderen altijd/nooit waar/onwaar "
        "voordeel|voordelen/nadeel|nadelen man|mannen/vrouw|vrouwen makkelijk|gemakkelijk/moeilijk "
        "veilig/gevaarlijk rijk/arm boven/onder goedkoop/duur links/rechts noord/zuid oost/west"
    ),
    "ro": (
        "mult|mare/puțin|mic înainte/după minim|minimă/maxim|maximă cu/fără crește|mări/scădea|reduce "
        "bun|bună|bine/rău|rea|prost înalt/jos lung|lungă/scurt|scurtă vechi|veche/nou|nouă|tânăr "
        "cald/rece rapid|repede/lent|încet devreme/târziu "
        "primul|prima|începe|deschide/ultimul|ultima|termina|închide cumpăra/vinde trimite/primi "
        "adăuga/șterge|elimina mereu/niciodată avantaj|avantaje/dezavantaj|dezavantaje "
        "bărbat|bărbați/femeie|femei ușor/greu|dificil sigur/periculos bogat/sărac deasupra/sub "
        "ieftin/scump stânga/dreapta nord/sud est/vest"
    ),
    "tr": (
        "daha|fazla|çok/az önce/sonra minimum|asgari/maksimum|azami ile/olmadan|hariç "
        "artırmak|arttırmak|yükseltmek/azaltmak|düşürmek iyi/kötü yüksek/düşük|alçak büyük/küçük "
        "uzun/kısa eski|yaşlı/yeni|genç sıcak/soğuk hızlı/yavaş erken/geç "
        "ilk|başlamak|açmak/son|bitmek|kapatmak almak/satmak|vermek göndermek/almak "
        "eklemek/silmek|kaldırmak daima/asla avantaj|avantajları/dezavantaj|dezavantajları erkek/kadın "
        "kolay/zor güvenli/tehlikeli zengin/fakir üst|üstünde/alt|altında ucuz/pahalı sol/sağ kuzey/güney "
        "doğu/batı giriş/çıkış"
    ),
    "ru": (
        "больше|выше/меньше|ниже до|перед/после "
        "минимум|минимальный|минимальная/максимум|максимальный|максимальная с|со/без|кроме "
        "увеличить|повысить|увеличивать|повышать|расти/уменьшить|снизить|уменьшать|снижать|падать "
        "лучший|лучше|хороший|хорошо/худший|хуже|плохой|плохо высокий/низкий большой/маленький|малый "
        "длинный/короткий старый/новый|молодой горячий|тёплый/холодный быстрый|быстро/медленный|медленно "
        "рано|раньше/поздно|позже первый|начать|открыть/последний|закончить|закрыть "
        "включить|разрешить/выключить|отключить|запретить купить|покупать/продать|продавать "
        "импорт/экспорт отправить/получить добавить/удалить|убрать принять/отклонить любить/ненавидеть "
        "всегда/никогда преимущество|преимущества/недостаток|недостатки мужчина|мужчины/женщина|женщины "
        "легко|лёгкий/трудно|сложно|тяжёлый безопасный|безопасно/опасный|опасно богатый/бедный над/под "
        "дешёвый/дорогой левый/правый север/юг восток/запад вход/выход"
    ),
    "el": (
        "περισσότερο|μεγαλύτερο/λιγότερο|μικρότερο πριν/μετά ελάχιστο|ελάχιστη/μέγιστο|μέγιστη με/χωρίς "
        "αυξήσω|αύξηση/μειώσω|μείωση καλύτερο|καλό|καλός/χειρότερο|κακό|κακός υψηλό|ψηλός/χαμηλό|χαμηλός "
        "μεγάλο|μεγάλος/μικρό|μικρός παλιό|παλιός/νέο|νέος ζεστό/κρύο γρήγορα|γρήγορος/αργά|αργός "
        "νωρίς/αργά πρώτο|πρώτος/τελευταίο|τελευταίος αγορά|αγοράσω/πώληση|πουλήσω πάντα/ποτέ "
        "πλεονέκτημα|πλεονεκτήματα/μειονέκτημα|μειονεκτήματα άνδρας|άνδρες/γυναίκα|γυναίκες "
        "εύκολο/δύσκολο πάνω/κάτω φθηνό/ακριβό αριστερά/δεξιά βόρεια/νότια"
    ),
    "ar": (
        "أكثر|أكبر|أعلى/أقل|أصغر|أدنى قبل/بعد أفضل|جيد/أسوأ|سيئ زيادة/تقليل|خفض|نقص شراء/بيع أول/آخر "
        "قديم/جديد حار/بارد سريع/بطيء مزايا|فوائد/عيوب|أضرار رجل|رجال/امرأة|نساء سهل/صعب آمن/خطير فوق/تحت "
        "يمين/يسار شمال/جنوب شرق/غرب داخل/خارج"
    ),
    "hi": (
        "अधिक|ज्यादा|ज़्यादा/कम पहले/बाद अच्छा|अच्छी|बेहतर/बुरा|बुरी|खराब "
        "बढ़ाना|बढ़ाने|वृद्धि/घटाना|घटाने|कमी बड़ा|बड़ी/छोटा|छोटी पुराना|पुरानी/नया|नई गर्म/ठंडा|ठंडी "
        "तेज/धीमा|धीमी खरीदना|खरीदने/बेचना|बेचने फायदे|लाभ/नुकसान|हानि पुरुष/महिला आसान/कठिन|मुश्किल "
        "न्यूनतम/अधिकतम साथ/बिना ऊपर/नीचे"
    ),
    "vi": (
        "nhiều/ít trước/sau tăng/giảm tốt|nhất/xấu|tệ|kém lớn/nhỏ cao/thấp dài/ngắn cũ|già/mới|trẻ "
        "nóng/lạnh nhanh/chậm mua/bán gửi/nhận thêm/xóa|bớt mở/đóng bật/tắt dễ/khó rẻ/đắt trái/phải "
        "bắc/nam đông/tây trên/dưới tối_thiểu/tối_đa"
    ),
    "th": (
        "มากกว่า|มาก/น้อยกว่า|น้อย ก่อน/หลัง เพิ่ม/ลด ดี/แย่|เลว ใหญ่/เล็ก สูง/ต่ำ เก่า/ใหม่ ร้อน/เย็น "
        "เร็ว/ช้า ซื้อ/ขาย เปิด/ปิด ง่าย/ยาก ข้อดี/ข้อเสีย ซ้าย/ขวา สูงสุด/ต่ำสุด"
    ),
    "zh": (
        "增加|提高|增大|上升|增长/减少|降低|减小|下降|缩短 之前|以前/之后|以后 "
        "最大|最高|最多|至多/最小|最低|最少|至少 更多|多于|大于/更少|少于|小于 最好|好/最差|最坏|坏|差 "
        "高/低 大/小 长/短 新/旧|老 热/冷 快/慢 早/晚 第一|首先|开始|打开/最后|结束|关闭 "
        "启用|允许|开启/禁用|禁止 买|购买/卖|出售|租 导入|进口/导出|出口 上传/下载 发送/接收 "
        "添加|增添/删除|移除 安装/卸载 加密/解密 接受/拒绝 喜欢|爱/讨厌|恨 优点|好处|优势/缺点|坏处|劣势 "
        "男/女 容易|简单/困难|难 安全/危险 富/穷 上面|上/下面|下 便宜/贵 左/右 北/南 东/西 输入/输出 "
        "赢/输 内/外"
    ),
    "ja": (
        "増やす|増加|上げる|高める/減らす|減少|下げる|低下 前/後 最大|最高|最多/最小|最低|最少 "
        "より多く|以上/より少なく|以下|未満 良い|よい|ベスト/悪い|ワースト 高い/低い|安い 大きい/小さい "
        "長い/短い 新しい/古い 熱い|暑い/冷たい|寒い 速い|早い/遅い "
        "最初|開始|始める|開く/最後|終了|終わる|閉じる 有効/無効 許可/禁止 買う|購入/売る|販売|借りる "
        "輸入|インポート/輸出|エクスポート アップロード/ダウンロード 送信|送る/受信|受け取る 追加/削除 "
        "インストール/アンインストール 暗号化/復号 好き/嫌い 長所|メリット|利点/短所|デメリット|欠点 "
        "男性|男/女性|女 簡単|易しい/難しい 安全/危険 上/下 左/右 北/南 東/西 入力/出力"
    ),
}
OPPOSITES: dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {
    language: tuple(
        (tuple(pair.split("/")[0].split("|")), tuple(pair.split("/")[1].split("|")))
        for pair in listed.split()
        if pair.count("/") == 1
    )
    for language, listed in _OPPOSITES.items()
}

# ── Negation ────────────────────────────────────────────────────────────────────────────────────────────────────────

NEGATING = frozenset(["not", "never", "without", "cannot"])
"""English words that are looked for in any language: a short question is easily taken for one in another."""

_DENIALS = {
    "en": (
        "except excluding excluded lacking hardly barely unable cant dont doesnt didnt wont isnt arent "
        "wasnt shouldnt couldnt wouldnt"
    ),
    "de": "außer ausgenommen ausser ungeachtet nirgendwo kaum",
    "es": "excepto salvo apenas ningunos ningunas jamas",
    "fr": "sauf excepté hormis nul aucunement",
    "it": "eccetto tranne neppure nemmeno salvo",
    "pt": "exceto salvo nenhuma nenhuns",
    "nl": "behalve uitgezonderd geenszins nauwelijks",
    "ro": "exceptând nicio nicăieri",
    "tr": "hariç dışında olmadan olmaz değilse olmayan",
    "ru": "кроме исключая нигде никуда нету",
    "el": "εκτός πλην δίχως πουθενά ούτε",
    "ar": "إلا باستثناء عدا سوى",
    "hi": "सिवाय अलावा बगैर",
    "vi": "trừ ngoại_trừ không_phải",
}
DENIALS: dict[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _DENIALS.items()}

IDLE_DENIALS = {
    "en": r"\b(?:why or why not|or not|not only|not to mention|no matter|if (?:not|no)(?=\W*(?:,|\?|$)))",
    "de": r"\boder nicht\b",
}
"""Where a negating word denies nothing."""

BY_CHARACTER = {
    "zh": "不|没|沒|无|無|非(?!洲|常)|未(?!来)|别(?!的|人)|勿|除了|除外",
    "ja": "ない|なく|ません|なし|ず(?=に)|不|無|非(?!常)|未|除|以外",
    "th": "ไม่|มิได้|ยกเว้น|ปราศจาก|ไร้",
}
"""Languages without spaces: what denies, as a pattern."""

# ── What a question asks for ────────────────────────────────────────────────────────────────────────────────────────

# Patterns of the casefolded text, the first that stands earliest counts. "way" is how a thing is done.
ASKING: dict[str, dict[str, str]] = {
    "en": {
        "quantity": r"how (?:many|much|often|old|long|far|tall|high|large|big|deep|wide|heavy|fast|soon)|"
        r"what(?:'s| is| are| was)? (?:the )?(?:\w+ )?(?:number|amount|percentage|price|cost|age|length|height|weight|"
        r"population|speed) of",
        "time": r"when|(?:what|which) (?:time|year|date|day|month|century)|how long ago",
        "place": r"where",
        "person": r"who|whom|whose",
        "reason": r"why|how come|what(?:'s| is| are| was| were)? (?:the )?(?:\w+ )?(?:reason|cause|purpose)s?|"
        r"for what reason|what (?:makes|made|causes|caused)",
        "way": r"how|(?:what|which)(?:'s| is| are| would be)? (?:the |a |some |an )?(?:\w+ ){0,2}(?:way|method|process|"
        r"procedure|step|tip|trick)s?|what (?:should|can|could|must|do) (?:i|we|you|one) do",
    },
    "de": {
        "quantity": r"wie ?(?:viele?[nrs]?|lange|alt|hoch|weit|groß|oft|schwer|tief|breit|schnell|teuer)",
        "time": r"wann|in welchem jahr|zu welcher zeit",
        "place": r"wo|woher|wohin|an welchem ort",
        "person": r"wer|wen|wem|wessen",
        "reason": r"warum|wieso|weshalb|weswegen|aus welchem grund",
        "way": r"wie|auf welche weise|was ist der beste weg",
    },
    "es": {
        "quantity": r"cu[aá]nt[oa]s?",
        "time": r"cu[aá]ndo|en qué (?:año|fecha|día|mes)",
        "place": r"(?:a|de )?d[oó]nde|en qué lugar",
        "person": r"qui[eé]n(?:es)?",
        "reason": r"por qu[eé]|cuál es la razón",
        "way": r"c[oó]mo|de qué manera|cuál es la mejor (?:manera|forma)",
    },
    "fr": {
        "quantity": r"combien",
        "time": r"quand|en quelle année|à quelle date",
        "place": r"o[uù](?= )|dans quel lieu",
        "person": r"qui",
        "reason": r"pourquoi|pour quelle raison",
        "way": r"comment|de quelle manière|quelle est la meilleure façon",
    },
    "it": {
        "quantity": r"quant[oaie]",
        "time": r"quando|in che anno",
        "place": r"dov[e'’]?",
        "person": r"chi",
        "reason": r"perch[eéè]|per quale motivo|come mai",
        "way": r"come|in che modo|qual è il modo migliore",
    },
    "pt": {
        "quantity": r"quant[oa]s?",
        "time": r"quando|em que ano",
        "place": r"onde|aonde",
        "person": r"quem",
        "reason": r"por ?qu[eê]|qual é a razão",
        "way": r"como|de que maneira|qual é a melhor (?:maneira|forma)",
    },
    "nl": {
        "quantity": r"hoeveel|hoe (?:oud|lang|ver|hoog|groot|vaak|snel|diep|breed|zwaar)",
        "time": r"wanneer|in welk jaar",
        "place": r"waar(?:heen|vandaan)?",
        "person": r"wie|wiens",
        "reason": r"waarom",
        "way": r"hoe|op welke manier|wat is de beste manier",
    },
    "ro": {
        "quantity": r"c[aâ]t(?:ă|e|i|ți|ţi)?",
        "time": r"c[aâ]nd|în ce an",
        "place": r"unde",
        "person": r"cine|cui",
        "reason": r"de ce|din ce motiv",
        "way": r"cum|în ce mod",
    },
    "tr": {
        "quantity": r"ne kadar|kaç\w*",
        "time": r"ne zaman|hangi (?:yıl|tarih)\w*",
        "place": r"nere\w+",
        "person": r"kim\w*",
        "reason": r"neden|niçin|niye",
        "way": r"nasıl",
    },
    "ru": {
        "quantity": r"скольк\w+|как (?:часто|долго|далеко)",
        "time": r"когда|в каком году",
        "place": r"где|куда|откуда",
        "person": r"кто|кого|кому|кем|ч(?:ей|ья|ьё)",
        "reason": r"почему|зачем|отчего|по какой причине",
        "way": r"как|каким образом",
    },
    "el": {
        "quantity": r"πόσ\w+",
        "time": r"πότε",
        "place": r"πού",
        "person": r"ποι(?:ος|ον|οι|ους|ανού)",
        "reason": r"γιατί",
        "way": r"πώς|πως",
    },
    "ar": {
        "quantity": r"كم",
        "time": r"متى",
        "place": r"أين",
        "person": r"من هو|من هي",
        "reason": r"لماذا",
        "way": r"كيف",
    },
    "hi": {
        "quantity": r"कितन\w*",
        "time": r"कब",
        "place": r"कहाँ|कहां",
        "person": r"कौन|किसने|किसे",
        "reason": r"क्यों",
        "way": r"कैसे",
    },
    "vi": {
        "quantity": r"bao nhiêu|mấy|bao lâu|bao xa",
        "time": r"khi nào|bao giờ|lúc nào",
        "place": r"ở đâu|nơi nào|đâu",
        "person": r"ai",
        "reason": r"tại sao|vì sao|sao",
        "way": r"như thế nào|làm sao|làm thế nào|cách nào",
    },
    "th": {
        "quantity": r"กี่|เท่าไร|เท่าไหร่|เท่าใด",
        "time": r"เมื่อไร|เมื่อไหร่|เมื่อใด",
        "place": r"ที่ไหน|ที่ใด",
        "person": r"ใคร",
        "reason": r"ทำไม|เพราะอะไร",
        "way": r"อย่างไร|ยังไง",
    },
    "zh": {
        "quantity": r"多少|几(?!乎)|多(?:大|高|长|远|久|重|深|宽|快)",
        "time": r"何时|什么时候|什么时间|哪一?(?:年|天|月|日)",
        "place": r"哪里|哪儿|何处|在哪|什么地方",
        "person": r"谁|何人",
        "reason": r"为什么|为何|为啥|何故",
        "way": r"如何|怎么样?|怎样",
    },
    "ja": {
        "quantity": r"いくつ|いくら|何(?:人|個|回|歳|年間|冊|台|本|件)|どれくらい|どのくらい",
        "time": r"いつ|何(?:年|月|日|時)(?!間)",
        "place": r"どこ",
        "person": r"誰|だれ|どなた",
        "reason": r"なぜ|どうして|何故",
        "way": r"どのように|どうやって|どうすれば|どう(?!して)",
    },
}
"""Patterns of the casefolded text, by what is asked for. The first that is met counts; of several the first here."""

UNSPACED = frozenset({"zh", "ja", "th", "ar", "hi"})
"""Languages whose question words are looked for anywhere: they have no spaces, or marks that are no word characters."""
