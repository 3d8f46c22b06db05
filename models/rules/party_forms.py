"""Names of companies, institutions and traders, which are not those of private persons.

The features of parties know English names of companies above all. Rules about private persons need the legal forms of other
countries too, or they would flag every "B.V." and "S.p.A.".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from features.texts.folding import folded

#: Abbreviations of legal forms at the end of a name, without points. Source: the public code list of ISO 20275.
_LEGAL_FORMS: Final = """
ab ag ao aps as asa bhd bv bvba cic co coop corp cv da doo ead ehf ek eood eu eurl ev gbr ges gmbh gp hf inc is jsc jv
kb kda kft kg kgaa kk kkt ks ky lda llc llp lp lt ltd ltda mbh nv oao oeg og ohg oo ood ooo ou oy oyj pao pc plc pllc
pt pte pty pvt rl rt sa sae sal saoc saog sapi sarl sas sasu sca sce scp scrl sdn sia sicav sl slne slu snc soc
soparfi spa spk spol srl srls sro stichting tbk uab ug vof zao zrt
"""
_FORMS: Final = frozenset(_LEGAL_FORMS.split())
#: Words of trade, crafts and institutions, anywhere in a name.
_WORDS: Final = re.compile(
    r"\b(?:retail|wholesale|workshop|werkstatt|atelier|services?|distribution|distributors?|confectionery|bakery|supplements?|naturals?|nutrition"
    r"|designs?|studios?|solutions|systems|logisti\w*|forwarding|trad(?:e|ers?|ing)|handel\w*|commerce|comercial|commercial|compan(?:y|ies)|compania"
    r"|societe|societa|sociedad|gesellschaft|fabri(?:k|ca|que)\w*|works|mill|machin\w*|tool(?:s|ing)|equipment|maschinen\w*|engineering|electronics"
    r"|chem\w*|pharm\w*|farmac\w*|\w*apothek\w*|medic\w*|veterin\w*|labor\w*|research|institut\w*|universit\w*|college|school|schule|hospital\w*"
    r"|krankenhaus|klinik\w*|clinic\w*|ministry|ministerium|agency|authority|department|police|customs|bank|foundation|stiftung|fondation|association"
    r"|verein|sons|bros|brothers|shop|store|market|boutique|outlet|import\w*|export\w*|global|worldwide|partners|holdings?|group|gruppe|groupe)\b"
)
_DOTS: Final = re.compile(r"(?<=\w)[./](?=\w?)")
#: Scripts whose names of companies and persons the words above do not tell apart, with the words that do.
_OTHER_SCRIPTS: Final = re.compile(
    r"公司|商社|会社|集团|集團|工厂|工廠|大学|大學|医院|醫院|研究|주식회사|유한회사|대학|병원|ооо|оао|зао|компани|завод|شركة|مؤسسة|جامعة"
)
_CACHED: Final = 16_384


@lru_cache(maxsize=_CACHED)
def is_organisation(name: str) -> bool:
    """Return whether a name is that of a company, an institution or a trader.

    >>> [is_organisation(name) for name in ("de Roo Retail B.V.", "Salion S.p.A.", "Dana Example", "Anna Maria De As-Salam")]
    [True, True, False, False]
    """
    plain = _DOTS.sub("", folded(name))
    words = re.findall(r"\w+", plain)
    if not words:
        return False
    if len(words) > 1 and words[-1] in _FORMS:
        return True
    return "&" in name or _WORDS.search(plain) is not None or _OTHER_SCRIPTS.search(plain) is not None
