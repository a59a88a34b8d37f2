"""The endings of domains that renderers and mail clients know, and those that are no proof of one."""

from __future__ import annotations

import re

__all__ = ["ALONE", "COUNTRIES", "FILES", "GENERIC"]

GENERIC = frozenset(
    re.findall(
        r"\S+",
        """
        academy accountant actor adult aero agency apartments app archi army art associates attorney auction audio auto
        autos baby band bargains beauty beer bike bingo boats bond boston boutique builders business buzz cafe camera
        camp capital car cards care careers cars cash catering cfd chat cheap church city claims cleaning clinic
        clothing coach codes coffee college community condos construction consulting contractors cooking cool coupons
        courses credit creditcard cricket cruises dance date dating deals degree delivery democrat dental dentist design
        diamonds diet direct discount doctor dog domains education engineer engineering enterprises equipment estate
        exposed express fail faith family fan fans farm fashion feedback film financial fish fishing fitness flights
        florist flowers football forex forsale forum foundation fund furniture futbol gallery game garden gift gifts
        gives glass gmbh gold golf graphics gratis green gripe guitars hair haus health healthcare hiphop hockey
        holdings holiday homes horse hospital house how immo industries institute insure investments irish jetzt jewelry
        juegos kaufen kim kitchen lat law lawyer lease legal lgbt lighting limited limo loans lotto love luxe luxury
        maison makeup management marketing mba memorial men moda mortgage motorcycles nagoya navy nyc observer osaka
        partners parts party pet photo photography pictures pink pizza place plumbing poker porn productions promo
        properties property protection quebec realty recipes rehab reise reisen ren rent rentals repair report
        republican restaurant rich rip rodeo ruhr ryukyu salon sarl school schule scot security sex sexy shoes shopping
        show singles skin soccer solar storage studio style sucks supplies supply surf surgery tattoo tax taxi tennis
        theater theatre tickets tienda tires tokyo town trading training tube university uno vacations vegas ventures
        vet viajes video villas vin vision vodka vote voting voto voyage watch watches wedding wien wine wtf yachts yoga
        yokohama zuerich asia bar best bet bid biz blog build cam casino cat center click cloud club com company
        computer coop country cyou dev digital directory download earth edu email energy events exchange expert finance
        fit fun fyi games global gov group guru help host hosting icu info ink int international jobs land life link
        live lol ltd market media mil mobi money monster museum name net network news ninja one online org page photos
        pics plus post press pro pub quest racing red rest review rocks run sale sbs science services shop site social
        software solutions space stock store stream support systems tech team tel tips today tools top toys trade travel
        trust vip web webcam website wiki win work works world xxx xyz zip zone onion рф рус бел укр срб мкд бг қаз сайт
        онлайн орг дети ком 中国 公司 网络 网址 在线 中文网 商城 みんな コム 닷컴 한국 भारत संगठन ไทย مصر ایران
        امارات السعودية
        """,
    )
)
"""Endings of domains beside those of countries, as far as mail clients and renderers know them."""

ALONE = frozenset(
    re.findall(
        r"\S+",
        """
        aero app asia biz click cloud club com coop dev edu gov info mil mobi mov museum name net online onion org pro
        shop site tech top web xxx xyz zip рф рус бел укр срб мкд бг қаз сайт онлайн орг дети ком 中国 公司 网络 网址
        """,
    )
)
"""Those that make a link of a host without a path. Others are words that stand behind a dot in a program, too."""

COUNTRIES = frozenset(
    re.findall(
        r"\S+",
        """
        ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv bw by
        bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et eu fi fj fk
        fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is
        it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm
        mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps
        pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj
        tk tl tm tn to tp tr tt tv tw tz ua ug uk um us uy uz va vc ve vg vi vn vu wf ws ye yt yu za zm zw
        """,
    )
)

FILES = frozenset(
    re.findall(
        r"\S+",
        """
        cc in md ml mk pl pm ps py rs sh so st tf
        """,
    )
)
"""Endings of files that are also those of countries. `README.md` stays as it is."""
