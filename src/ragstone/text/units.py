"""The units that a text speaks of, each by one name in any language and spelling: "5 kilos" and "in kg" are kg."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

__all__ = ["ADDED", "units"]

_UNITS = {
    # weight
    "kg": (
        "kg kgs kilo kilos kilogram kilograms kilogramm kilogramme kilogrammes kilogramo kilogramos "
        "chilogrammo chilogrammi quilo quilos quilograma quilogramas кг килограмм килограмма килограммов "
        "kilogramlar κιλό κιλά كيلوغرام किलो किलोग्राम kilôgam กิโลกรัม 公斤 千克 キログラム キロ"
    ),
    "g": (
        "gram grams gramm gramme grammes gramo gramos grammo grammi grama gramas грамм граммов γραμμάρια "
        "غرام ग्राम กรัม 克 グラム"
    ),
    "mg": "mg milligram milligrams milligramm milligramme miligramo miligramos milligrammi мг",
    "lb": "lb lbs pound pounds pfund фунт фунтов λίβρες रतल 磅 ポンド ปอนด์",
    "oz": "oz ounce ounces unze unzen onza onzas onces oncia унция унций 盎司 オンス ออนซ์",
    "ton": "ton tons tonne tonnes tonnen tonelada toneladas tonnellate тонна тонн τόνοι 吨 トン ตัน",
    # length
    "km": (
        "km kms kilometer kilometers kilometre kilometres kilomètre kilomètres kilómetro kilómetros "
        "chilometro chilometri quilômetro quilômetros км километр километра километров χιλιόμετρα "
        "kilometre كيلومتر किलोमीटर 公里 千米 キロメートル กิโลเมตร"
    ),
    "m": ("meter meters metre metres mètre mètres metros metri метр метра метров μέτρα متر मीटर 米 メートル เมตร"),
    "cm": (
        "cm cms centimeter centimeters centimetre centimetres zentimeter centimètre centimètres "
        "centímetro centímetros centimetri см сантиметр сантиметров εκατοστά santimetre सेंटीमीटर 厘米 "
        "公分 センチ センチメートル เซนติเมตร"
    ),
    "mm": ("mm millimeter millimeters millimetre millimetres millimètre milímetro milímetros мм миллиметр 毫米 ミリ"),
    "mile": (
        "mile miles meile meilen milla millas miglio miglia milha milhas mijl mijlen миля миль μίλια मील "
        "英里 マイル ไมล์"
    ),
    "foot": "foot feet ft fuß pied pieds piede piedi pés фут фута футов πόδια 英尺 フィート ฟุต",
    "inch": (
        "inch inches zoll pulgada pulgadas pouce pouces pollice pollici polegada polegadas дюйм дюймов "
        "ίντσες 英寸 インチ นิ้ว"
    ),
    "yard": "yard yards yarda yardas iarda iarde ярд ярдов 码 ヤード",
    # temperature
    "celsius": "celsius centigrade °c ℃ цельсия κελσίου 摄氏 摄氏度 摂氏 เซลเซียส",
    "fahrenheit": "fahrenheit °f ℉ фаренгейта φαρενάιτ 华氏 华氏度 華氏 ฟาเรนไฮต์",
    "kelvin": "kelvin кельвин кельвина 开尔文 ケルビン",
    # volume and area
    "l": ("liter liters litre litres litro litros litri литр литра литров λίτρα لتر लीटर 升 公升 リットル ลิตร"),
    "ml": "ml milliliter milliliters millilitre millilitres mililitro mililitros мл 毫升 ミリリットル",
    "gallon": "gallon gallons gallone gallonen galón galones galloni galão galões галлон галлонов 加仑 ガロン",
    "acre": "acre acres акр акров 英亩 エーカー",
    "hectare": "hectare hectares hektar hectárea hectáreas ettaro ettari гектар гектаров 公顷 ヘクタール",
    # money
    "usd": (
        "$ usd dollar dollars dólar dólares dollari доллар доллара долларов δολάρια dolar دولار डॉलर đô "
        "美元 美金 ドル ดอลลาร์"
    ),
    "eur": "€ eur euro euros евро ευρώ avro يورو यूरो 欧元 ユーロ ยูโร",
    "gbp": "£ gbp sterling 英镑",
    "inr": "₹ inr rupee rupees rupie rupien rs रुपये रुपया 卢比 ルピー",
    "jpy": "yen jpy иена йена 日元 日圓 円 เยน",
    "cny": "yuan rmb cny renminbi юань юаней 人民币 元",
    "rub": "ruble rubles rouble roubles rubel рубль рубля рублей ₽ 卢布",
    "krw": "krw ₩ 韩元 ウォン",
    "chf": "chf franken",
    "btc": "btc bitcoin bitcoins ₿ 比特币",
    # data, speed, energy
    "kb": "kb kilobyte kilobytes",
    "mb": "mb megabyte megabytes мб",
    "gb": "gb gigabyte gigabytes гб",
    "tb": "tb terabyte terabytes тб",
    "mbps": "mbps megabit megabits",
    "mph": "mph",
    "kmh": "kmh kph km/h",
    "kcal": "kcal calorie calories kalorien caloría calorías calorie калорий",
    "joule": "joule joules julios джоуль",
    "watt": "watt watts",
    "volt": "volt volts",
    "amp": "ampere amperes amps",
    # time
    "second": (
        "seconds sekunde sekunden segundos secondes secondi seconden secunde saniye секунд секунды "
        "δευτερόλεπτα ثانية सेकंड giây วินาที 秒 秒钟"
    ),
    "minute": (
        "minute minutes minuten minuto minutos minuti minuut dakika минута минут минуты λεπτά دقيقة मिनट phút นาที 分钟"
    ),
    "hour": (
        "hour hours hr hrs stunde stunden hora horas heure heures uur uren oră saat час часа часов ώρα "
        "ώρες ساعة घंटे घंटा giờ ชั่วโมง 小时 時間"
    ),
    "day": (
        "day days tage tagen día días jour jours giorno giorni dias dagen zi zile gün день дня дней ημέρα "
        "μέρες يوم أيام दिन ngày วัน"
    ),
    "week": (
        "week weeks woche wochen semana semanas semaine semaines settimana settimane weken săptămână "
        "hafta неделя недели недель εβδομάδα εβδομάδες أسبوع सप्ताह हफ्ते tuần สัปดาห์ 周 星期 週間"
    ),
    "month": (
        "month months monat monate monaten meses mois mesi mês maand maanden месяц месяца месяцев μήνας "
        "μήνες شهر महीने महीना tháng เดือน 个月 ヶ月 か月"
    ),
    "year": (
        "year years yr yrs jahr jahre jahren año años ans année années anno anni anos jaar jaren yıl год "
        "года лет χρόνος χρόνια έτος سنة عام साल वर्ष năm ปี 年"
    ),
}
_TIMES = {"second", "minute", "hour", "day", "week", "month", "year"}
_MONEY = {"usd", "eur", "gbp", "inr", "jpy", "cny", "rub", "krw", "chf", "btc"}
ADDED = frozenset(_TIMES | _MONEY)
"""Those that may be added without asking for another thing: "under 1000" and "under 1000 rupees"."""

_SHORT = {"g": "g", "m": "m", "l": "l", "f": "fahrenheit", "c": "celsius", "h": "hour", "s": "second"}
"""Letters that are a unit after a number alone."""

_WORD = re.compile(r"[°]\s?[cf]\b|km/h|[℃℉$€£₹₽₩₿]|[^\W\d_]+(?:[\u0300-\u036f\u0900-\u0963\u0e30-\u0e4f][^\W\d_]*)*")
_AFTER_NUMBER = re.compile(r"(?<=\d)\s?([a-zµ])\b(?!['’])")
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")


def units(text: str) -> tuple[str, ...]:
    """The units of a text by their short names, sorted, each as often as it stands there.

    "°C" is celsius, "$" usd, and "pounds" lb, whatever is meant.

    >>> units("How many pounds are 5 kg? And 30 °C in Fahrenheit?")
    ('celsius', 'fahrenheit', 'kg', 'lb')
    """
    folded = unicodedata.normalize("NFC", text).casefold()
    spaced, unspaced = _names()
    words = (word.replace(" ", "") for word in _WORD.findall(folded))
    found = [spaced[word] for word in words if word in spaced]
    found += [_SHORT[letter] for letter in _AFTER_NUMBER.findall(folded) if letter in _SHORT]
    if _UNSPACED.search(folded):
        rest = folded
        for name, unit in unspaced:  # the longest first: 公斤 holds 斤
            found += [unit] * rest.count(name)
            rest = rest.replace(name, " ")
    return tuple(sorted(found))


@cache
def _names() -> tuple[dict[str, str], list[tuple[str, str]]]:
    every = [(name, unit) for unit, names in _UNITS.items() for name in names.split()]
    unspaced = [(name, unit) for name, unit in every if _UNSPACED.match(name)]
    spaced = {name: unit for name, unit in every if not _UNSPACED.match(name)}
    return spaced, sorted(unspaced, key=lambda pair: -len(pair[0]))
