"""Patterns, in ten languages and pinyin, of words that show that a watched name is not the goods: tests, books, denials,
papers.

Languages: English, Spanish, Portuguese, French, German, Russian, Chinese (and pinyin), Japanese, Korean, Arabic. All
patterns apply to the output of `normalise.fold`, so words of other alphabets are folded here too.
"""

from __future__ import annotations

import re
from typing import Final

from features.substances.normalise import fold


def _any(*words: str) -> str:
    """Return an alternation of folded plain words, longest first."""
    folded = {fold(word) for word in words}
    return "|".join(re.escape(word).replace(r"\ ", "[ -]*") for word in sorted(folded, key=lambda w: (-len(w), w)))


# No letter precedes a word of a script with blanks. Chinese, Japanese and Korean have none.
_APART: Final = r"(?<![^\W\d_])"
# Nor a word that denies the thing: fentanyl, no test strip included.
_THERE: Final = (
    _APART + r"(?<!\bno )(?<!\bnot )(?<!\bwithout )(?<!\bw/o )(?<!\bsin )(?<!\bsem )(?<!\bsans )(?<!\bohne )"
)

#: Goods that detect a substance. Group ``antibody`` if they bind it, otherwise ``test``.
TEST: Final = re.compile(
    _THERE
    + r"(?:(?P<antibody>(?:immuno[ -]?assays?|elisa|(?:mono|poly)clonals?|anti[ -]?(?:bod(?:y|ies)|sera|serum)|haptens?"
    r"|(?:bsa|klh|ova)[ -]conjugates?|conjugates?[ -]+(?:bsa|klh|ova)"
    r"|nanobod(?:y|ies)|aptamers?|vhh|scfv|(?<!\bfor )(?<!\bof )antigens?|"
    + _any("anticuerpo", "anticuerpos", "anticorpo", "anticorpos", "anticorps", "antikörper", "антитела", "антител")
    + r")(?![^\W\d_]))"
    r"|(?:test(?:ing|er)?[ -]*(?:strips?|kits?|cards?|cups?|cassettes?|panels?|papers?|devices?|streifen|sets?|swabs?|wipes?)"
    r"|dip[ -]?(?:sticks?|cards?|tests?)|assay[ -]+kits?|(?:rapid|drug|urine|saliva|screen(?:ing)?|quick|home|spot)[ -]+tests?"
    r"|lateral[ -]flow|drug[ -]+screen(?:ing|s)?|detect(?:ion|or|ors)(?:[ -]+kits?)?|test[ -]*(?:for|auf|de|do|da)(?=[ -])"
    # The assay of a substance is its purity, unless reagents accompany it.
    r"|(?<!, )assay[ -]+(?:reagents?(?![ -]*grade)|calibrators?|controls?|buffers?|systems?|services?|plates?|cartridges?)"
    r"|calibrators?(?=[ -]+(?:for(?![ ]*\d)|kits?|sets?|levels?)(?![^\W\d_]))|(?:urine|saliva|toxicology)[ -]+controls?"
    r"|screen(?:ing|er)[ -]+(?:devices?|kits?|assays?|panels?|strips?|cards?|cups?|systems?|tools?|instruments?|services?)"
    r"|(?<!, )(?<!\bfor )(?<!\bof )(?<!\bin )(?:(?:testing|analytical|analysis|screening|laboratory)[ -]+services?"
    r"|method[ -]+(?:development|validation)|(?:bio)?sensors?|analy[sz]ers?)"
    # Directly before the name
    r"|(?:anti|pseudo|simulated|mock|dummy)[ -]*$"
    r"|(?:schnell|drogen|urin)tests?|tiras? (?:reactivas? )?de (?:test|prueba|teste)|tiras? reactivas?|pruebas? (?:rapidas? )?de"
    r"|testes? rapidos?|bandelettes?(?: (?:de test|reactives?))?|test de depistage|depistage|tests? rapides?|shi ?zhi|jian ?ce|"
    + _any("тест-полоска", "тест-полоски", "тест полоски", "тест-система", "экспресс-тест", "экспресс-тесты", "тест на")
    + "|"
    + _any("شرائط", "شريط اختبار", "اختبار", "كاشف", "فحص")
    + r")(?![^\W\d_]))"
    r"|(?P<antibody_>" + _any("抗体", "항체", "أجسام مضادة") + ")"
    r"|(?:"
    + _any(
        "试纸",
        "检测",
        "测试",
        "试剂盒",
        "检查",
        "検査",
        "試験紙",
        "テスト",
        "キット",
        "검사",
        "테스트",
        "시험지",
        "키트",
    )
    + ")"
)

#: Directly after the name, also as one word with it: fentanyl tests, but not a fentanyl test sample.
TEST_AFTER: Final = re.compile(
    r"^[ -]*(?:schnell)?tests?(?:streifen)?(?![^\W\d_])(?![ -]*(?:samples?|batch|orders?|lots?|quantit|shipments?))"
    # Gloves are fentanyl tested; fentanyl is lab tested, or tested and pure.
    r"|^[ -](?:tested|resistant|proof)(?=$|[ ]*\)|[ ]+(?:to|per|acc|astm|nitrile|latex|exam|disposable|glove|suit|mask|gown))"
    r"|^[ -](?:assays|screening)$"
)

#: Printed matter, papers, wear and other things that mention a substance, keep it off or represent it.
PUBLICATION: Final = re.compile(
    _THERE + r"(?:(?:(?:(?:e|note|hand|text|work|audio)[ -]?)?books?"
    r"(?![ ]*(?:now|today|early|online|here|via|your|yours|it|prices?|values?|orders?|in advance)\b)"
    r"|paperbacks?|hardcovers?|hardbacks?|dvds?|posters?|stickers?|leaflets?"
    r"|awareness|t[ -]?shirts?|tshirts?|brochures?|pamphlets?|magazines?|novels?|memoirs?|documentar(?:y|ies)|banners?|flyers?"
    r"|infographics?|libros?|carteles|cartel|folletos?|livros?|cartaz(?:es)?|folhetos?|livres?|affiches?|depliants?"
    # Papers: goods may come with them, and then they say nothing about the goods.
    r"|(?<!\bwith )(?<!\bincl )(?<!\bincluding )(?<!\bper )(?<!\bsee )(?<!\bto )(?<!\bby )(?<!\bhas )"
    r"(?:(?:msds|(?:(?:(?:material[ -]+)?safety|technical|product)[ -]?)?data[ -]?sheets?|sicherheitsdatenblatt"
    r"|(?:(?:ftir|ir|nmr|raman|mass)[ -]+)?spectr(?:a|um)|(?:ftir|ir|raman|spectral|spectrum)[ -]+librar(?:y|ies))"
    r"(?=$|[ ]$|[ ]+(?:for|of|on|about|documents?|pdf|cop(?:y|ies)|booklets?|binders?|usb|cd|downloads?|files?)(?![^\W\d_]))"
    r"|(?:sds|coas?|certificates? of analysis)"
    r"(?=[ ]$|[ ]+(?:for|of|on|about|documents?|pdf|cop(?:y|ies)|sheets?|files?)(?![^\W\d_])))"
    r"(?![ ]+on request)"
    r"|(?<!\bfor )(?<!\bin )(?:patents?(?=$|[ ]+(?:documents?|applications?|literature|cop(?:y|ies)|specifications?|filings?"
    r"|for|on|of|about)(?![^\W\d_]))"
    r"|lectures?|seminars?|theses|thesis|dissertations?|reprints?"
    r"|(?:(?:research|scientific|medical) )?journals?|newspapers?|articles? (?:on|about)"
    r"|(?:scientific|journal|research|review|news|press|medical|academic)[ -]+(?:articles?|papers?|reports?))"
    r"|murder[ -]+myster(?:y|ies)|mystery[ -]+(?:novels?|stor(?:y|ies)|games?)|thrillers?|fiction|movies?|blu[ -]?rays?"
    r"|vinyl[ -]+(?:records?|lps?|albums?|singles?|decals?)|(?:music|debut)[ -]+albums?|postcards?|greeting[ -]+cards?"
    r"|(?:road|street|traffic|warning|metal|tin|wall|yard|door|safety)[ -]+signs?|signboards?|signage"
    r"|(?:printed|decorated|engraved|embroidered) with|(?:prints?|pictures?|images?|slogans?) (?:of|about|on)"
    r"|molecul(?:e|ar)[ -]+models?"
    # Things that are separate goods if only a blank separates them from the name: gloves fentanyl
    r"|(?:gloves?|jewel(?:le)?ry|necklaces?|pendants?|earrings?|bracelets?|brooch(?:es)?|key[ -]?(?:chains?|rings?)|mugs?"
    r"|(?:lapel|enamel)[ -]+pins?|tote(?:[ -]*bags?)?|hoodies?|sweatshirts?|magnets?|decals?"
    r"|(?:training|scent|canine|k ?9)[ -]+(?:aids?|props?|simulants?|dummy|dummies)"
    # The patch is the thing disposed of
    r"|(?:(?:patch(?:es)?|tablets?|pills?|vials?|ampoules?|drug|waste)[ -]+)*disposal[ -]+(?:bags?|kits?|pouch(?:es)?"
    r"|systems?|box(?:es)?|containers?|units?|bins?|services?))(?![^\W\d_])(?![ ]$)"
    r"|buch|bucher|plakate?|broschuren?|aufkleber|shu ?ji|hai ?bao|"
    + _any("книга", "книги", "плакат", "плакаты", "брошюра", "брошюры", "наклейка")
    + "|"
    + _any("كتاب", "كتب", "ملصق", "منشور", "كتيب")
    + r")(?![^\W\d_])"
    r"|(?:"
    + _any("图书", "书籍", "海报", "宣传", "手册", "書籍", "ポスター", "パンフレット", "포스터", "도서", "책자", "전단")
    + "))"
)

#: Medicines and kits against an overdose.
ANTIDOTE: Final = re.compile(
    _THERE + r"(?:naloxone|narcan|nalmefene|naltrexone|antidotes?|overdos(?:e|es|ing)|reversal|harm[ -]reduction"
    r"|(?<!\bfor )(?<!\bof )vaccines?|"
    r"naloxon[ae]?|" + _any("налоксон", "纳洛酮", "ナロキソン", "날록손", "نالوكسون") + ")"
)

#: A document that allows a shipment. Group ``paper`` if the goods are the documents themselves.
PERMIT: Final = re.compile(
    _THERE
    + r"(?:(?P<paper>documents?|paperwork|applications?|forms?|copy|copies|photocop(?:y|ies)|correspondence|letters?"
    r"|dossiers?|antrag|solicitud|demande|formulario|formulaire|formular)"
    r"|(?:(?:import|export|transit|narcotics?|dea|ino?cb|controlled substances?)[ -]+)*(?:permits?|licen[cs]es?|licensing"
    r"|authori[sz]ations?|certificates?(?! of (?:analysis|origin))|declarations?)|permisos?|licencias?|licencas?|permis"
    r"|autorisations?|genehmigung|einfuhrgenehmigung|ausfuhrgenehmigung|erlaubnis|autorizacion|autorizacao|"
    + _any("разрешение", "лицензия", "تصريح", "رخصة", "ترخيص")
    + r")(?![^\W\d_])(?![ -]*(?:free|exempt|(?:is |are )?not (?:needed|required|necessary)|unnecessary)\b)"
    r"|(?:" + _any("许可证", "准许证", "許可証", "許可書", "허가서", "허가증", "수입허가") + ")"
)
#: A permit number, under which goods travel.
PERMIT_NUMBER: Final = re.compile(
    r"^[ ]*(?:no\b|nr\b|num(?:ber)?\b|n°|#|ref\b)?[ .:#-]*(?=[a-z/-]{0,8}\d)[a-z\d/-]{2,}"
)

#: A reference standard is analytical if its amount is in micrograms (or a solution of at most some mg per ml).
STANDARD: Final = re.compile(
    r"\b(?:(?:certified[ -]+)?reference[ -]+(?:standards?|materials?|substances?)|(?:analytical|calibration|internal|drug)"
    r"[ -]+standards?|(?<!assay )calibrators?\b(?![ -]+(?:for(?![ ]*\d)|kits?|sets?|levels?)\b)"
    r"|crm|certified[ -]+(?:solution|standard)s?|estandar(?:es)? analiticos?|padrao analitico"
    r"|etalons?|referenzstandards?|referenzmaterial)\b|(?:"
    + _any("стандартный образец", "对照品", "标准品", "標準品", "표준품", "표준물질", "محلول قياسي")
    + ")"
)
#: After a name: a substance named after the medicine of which it is an impurity, sold as a standard.
#: Goods free of impurities, or with less than a limit, are no such substance.
IMPURITY: Final = re.compile(
    r"^(?:[ ]+(?!(?:free|low|no|with|without|total|any|each|single|individual|max|less|unknown|of|from)\b)\w+){0,3}"
    r"[ ]+(?:impurit(?:y|ies)|related compounds?)\b(?![ ]*(?:[<>:=~]|max|less|below|under|not more|nmt|\d[\d.,]*[ ]*%))"
)
TRACES: Final = re.compile(
    r"\d[ ]*(?:[um]cg|ug|ng|micrograms?|" + _any("мкг") + r")\b|\d[ ]*(?:mg|ug|mcg|ng)[ ]*/[ ]*m?l\b|\d[ ]*微克"
)
AMOUNT: Final = re.compile(
    r"\d[ ]*(?:kgs?|kilos?|kilograms?|g|gr|gm|grams?|grammes?|gramm|lbs?|oz|t|tons?|l|litres?|liters?|公斤|克|千克|キロ|그램|"
    + _any("кг", "г", "كجم", "غرام")
    + r")(?![^\W\d_])(?![ ]*/)"
)
#: The substance itself, in some form.
FORM: Final = re.compile(
    r"\b(?:powders?|crystals?|crystalline|injections?|ampoules?|ampules?|vials?|patch(?:es)?|tablets?|pills?|lozenges?|capsules?"
    r"|hcl|hydrochloride|citrate|oxalate|free[ -]?base|base|purity|pure|raw|bulk|apis?|intermediates?|polvo|poudre|pulver"
    r"|inyectable|injectable|polvere|po)\b|\d[ ]*%|"
    + _any("粉", "结晶", "注射", "분말", "주사", "مسحوق", "حقن", "порошок", "раствор", "ампул")
)

#: Directly before the name: a denial.
DENIED_BEFORE: Final = re.compile(
    r"(?:"
    + _APART
    + r"(?:not|no|without|w/o|non|(?<!not )(?<!non )(?<!non-)empty|never|neither|nor|exclud\w+|free[ -]+(?:of|from)"
    r"|(?:does|do|did)(?: not|n.t) contain|not contain\w*|contain\w* (?:no|neither)"
    r"|zero|absence of|negative for|substitute for|alternative to|instead of"
    r"|sin|no contiene|libre de|exento de|exenta de|sem|nao contem|livre de|isento de|sans|ne contient (?:pas|ni)(?: d[e'])?"
    r"|exempt de|pas de|ohne|keine?[nrsm]?|enthalt keine?[nrsm]?|frei von|bu ?han(?: ?you)?|mei ?you|"
    + _any(
        "без", "не содержит", "не содержащий", "кроме", "بدون", "بلا", "خالي من", "لا يحتوي على", "لا تحتوي على", "غير"
    )
    + r")(?:[ -]+(?:any|added|traces? of|de|d'|du|la|le|el|o|a|das?|des|von|ал))*[ '-]*"
    r"|(?:" + _any("不含", "不含有", "不包含", "没有", "非", "无", "零") + r")[ ]*)$"
)
#: A list of absent substances, up to the name.
DENIED_LIST: Final = re.compile(
    _APART + r"(?:free (?:of|from)|(?:does|do)(?: not|n.t) contain|not contain\w*|contain\w* no(?:ne of)?|negative for)"
    r"(?:[ -]+(?:any|added|traces? of))*(?:[ ]+"
    # If the last of them is no substance (dry goods), the name follows.
    r"(?!(?:moisture|water|humidity|dust|odou?rs?|smell|lumps?|solvents?|additives?|impurit(?:y|ies)|metals?|particles?|charge"
    r"|defects?|damage|dirt|oil|alcohol|caking|contamina\w+|starch|sugar|gluten|chlorides?|ash|oxygen|acid),[ ]*$)"
    r"[\w-]+(?:,[ ]*(?:and|or|nor)?|[ ]+(?:and|or|nor)|[ ]*/))+[ ]*$"
)
#: Directly after the name: fentanyl-free, but not the free base.
DENIED_AFTER: Final = re.compile(
    r"^(?:-free\b(?![ -]*(?:base|ship|deliver|postage|flowing|acid|amine))|(?:[ ][ -]*)?free\b(?![ -]*(?:base|ship|deliver|post"
    r"|sampl|trial|gift|of\b|from\b|flowing|acid|amine|form|express|worldwide|global|overnight|fast|world|international|re-?ship"
    r"|air|courier|express|door|customs|support|quot|consult|stealth|price))"
    r"|[ ]*[:=-]?[ ]*(?:none|nil|absent|not detected|not included|not present|negative|n/?d\b)"
    r"|[ -]*frei\b|"
    + r"[ ]*(?:"
    + _any("を含まない", "を含みません", "不使用", "フリー", "なし", "無添加", "非含有", "不含")
    + "|"
    + _any(
        "のない",
        "の無い",
        "の入っていない",
        "が入っていない",
        "は入っていない",
        "を含有しない",
        "を含まず",
        "ではない",
        "ではありません",
    )
    + "|"
    + _any("무첨가", "없음", "불포함", "프리", "이 없는", "을 포함하지", "을 함유하지", "성분 없음")
    + "|"
    + _any("отсутствует", "не обнаружен", "غير موجود")
    + "))"
)
