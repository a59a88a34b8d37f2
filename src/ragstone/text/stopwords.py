"""Words that a question is put with and that say nothing of what it asks, by language.

They are dropped from questions alone. Documents keep them, so a question of nothing else still finds what it quotes.
`benchmarks/analyzer.py` prints what each list is worth.
"""

from __future__ import annotations

__all__ = ["STOPWORDS"]

_LISTS = {
    "en": """a an the and or of in on at to for from by with about into than as is are was were be been being has
        have had do does did can could may might will would should must this that these those there it its he she
        they them his her their we our you your i my me who whom whose what which when where why how any some such
        not no if then so also please tell give s t ll re ve eg ie""",
    "de": """der die das den dem des ein eine einer eines einem einen und oder in im an am auf aus bei mit von
        vom zu zum zur für über unter um durch nach als ist sind war waren sein wird wurde wurden werden hat haben
        hatte kann können muss wer wen wem was wo wann warum wieso wie welche welcher welches welchen welchem es er
        sie wir ich man nicht auch dass sich bitte gibt""",
    "es": """el la los las un una unos unas y o u de del en a al con por para que qué es son fue fueron ser era
        eran está están se su sus lo le les como cómo cuál cuáles quién quiénes dónde cuándo cuánto cuánta cuántos
        cuántas no más este esta estos estas ha han había hay sobre entre""",
    "fr": """le la les l un une des d de du et ou en au aux à dans par pour sur avec est sont était étaient être
        été a ont avait que qu qui quoi quel quelle quels quelles quand où comment pourquoi combien ce c cet cette
        ces se s sa son ses leur leurs il elle ils elles on nous vous je j ne n pas plus y t""",
    "it": """il lo la i gli le l un uno una e o di del della dei delle dello degli d a al alla ai alle da dal
        dalla in nel nella nei con per su sul sulla tra fra è sono era erano essere stato ha hanno aveva che chi cosa
        quale quali quando dove come perché quanto quanti quante si suo sua suoi sue questo questa questi non c""",
    "pt": """o a os as um uma uns umas e ou de do da dos das em no na nos nas ao à aos às com por pelo pela para
        que é são foi foram ser era eram está estão se seu sua seus suas como qual quais quem onde quando quanto
        quantos quantas não mais este esta isto esse essa há tem sobre entre""",
    "nl": """de het een en of van in op aan te ten ter voor met door uit over bij naar om als is zijn was waren
        wordt werd worden heeft hebben had kan wie wat waar wanneer waarom hoe welk welke hoeveel dit dat deze die er
        hij zij ze we ik je niet ook""",
    "sv": """en ett den det de och eller i på av till för från med om vid som att är var vara blev har hade kan
        vad vem vilka vilken vilket när varför hur många mycket denna detta dessa han hon inte också""",
    "da": """en et den det de og eller i på af til for fra med om ved som at er var være blev har havde kan hvad
        hvem hvilke hvilken hvilket hvornår hvor hvorfor hvordan mange meget denne dette disse han hun ikke også""",
    "no": """en et ei den det de og eller i på av til for fra med om ved som at å er var være ble har hadde kan
        hva hvem hvilke hvilken hvilket når hvor hvorfor hvordan mange mye denne dette disse han hun ikke også""",
    "pl": """i lub w we z ze na do od dla po przez przy o u za pod nad jest są był była było były być co kto
        czego kogo jaki jaka jakie jakich kiedy gdzie dlaczego jak ile czy to ten ta te tego tej tych się nie że jego
        jej ich""",
    "ro": """un o unui unei și sau de din la în pe cu pentru prin spre către despre a al ale ai este sunt era
        erau fost fi are au ce cine care când unde cum cât câți câte câtă acest această aceste acestui se nu mai lui
        ei lor că să""",
    "tr": """bir ve veya ile için de da ki mi mı mu mü bu şu o ne nedir neydi kim kimdir kimin hangi nasıl neden
        niçin nerede zaman kaç kadar olan olarak oldu olduğu gibi daha en çok var her""",
    "ru": """и или в во на с со к ко о об от до из по за для при у что чем чего это этот эта эти быть был была
        было были есть кто кого какой какая какое какие каком какого каких где когда как почему сколько не его её их
        он она они а но же ли который которая которые""",
    "el": """ο η το οι τα του της των τον την τους τις ένα ένας μια μία και ή σε στο στη στην στον στους στις στα
        με από για ως που ποιος ποια ποιο ποιοι ποιες ποιων ποιον τι πότε πού πώς πόσο πόσα πόσοι πόσες γιατί είναι
        ήταν έχει έχουν είχε δεν να θα αυτό""",
    "ar": """في من إلى على عن مع و أو أن إن ما ماذا هو هي هم هل متى أين كيف لماذا كم أي هذا هذه ذلك تلك التي الذي
        الذين كان كانت يكون تم قد لا لم بين عند""",
    "hi": """का की के को में से पर ने और या है हैं था थी थे हो हुआ हुई हुए किया गया गई गए क्या कौन किस किसने किसे
        किसका किसकी कब कहाँ क्यों कैसे कितने कितनी कितना कौनसा यह वह इस उस एक भी तो ही लिए द्वारा साथ""",
    "vi": """là và hoặc của trong ở tại với cho từ đến được bị có không đã sẽ những các một này đó gì nào ai khi
        đâu sao như thế bao nhiêu mà về theo""",
    "zh": """的 了 是 在 和 与 及 或 也 就 都 而 且 吗 呢 吧 啊 着 之 其 这 那 有 什么 谁 哪 哪里 哪些 哪个 哪年
        哪一 多少 几 如何 怎么 怎样 为什么 何 何时""",
    "ja": """の は が を に へ と も で や か だ です ます した する こと これ それ この その 何 誰 どこ いつ
        なぜ どの どう""",
}

STOPWORDS: dict[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _LISTS.items()}
