"""Parts of chemical names that are parts of their own, so that none of them passes for another one with a typing error."""

from __future__ import annotations

import re
from typing import Final

_PARTS: Final = (
    # Hydrocarbon groups
    " methyl ethyl propyl isopropyl cyclopropyl butyl isobutyl pentyl hexyl heptyl octyl allyl vinyl propenyl propynyl"
    " butenyl phenyl phenethyl phenylethyl phenylpropyl benzyl benzoyl benzylidene biphenyl naphthyl tolyl styryl"
    " cinnamyl phenacyl methylene ethylene propylene ethenyl ethynyl phenylene"
    # Acyl groups and their acids
    " formyl acetyl propionyl propiolyl propioloyl propargyl propanyl isobutyryl butyryl valeryl isovaleryl pivaloyl"
    " acryl acryloyl acrylyl crotonyl furanyl furoyl furfuryl thenyl thienyl thenoyl thiophen thiazol benzenesulfonyl"
    " tosyl mesyl succinyl malonyl oxalyl carbonyl sulfonyl acetamide propanamide butanamide pentanamide hexanamide"
    " benzamide formamide acetate propionate butyrate benzoate acetic propionic butyric acrylic acetoacetyl chloroacetyl"
    " methacryl"
    # Heteroatoms
    " fluoro chloro bromo iodo nitro nitroso amino anilino anisidino toluidino hydroxy methoxy ethoxy propoxy isopropoxy"
    " butoxy phenoxy benzyloxy cyano thio mercapto oxo azido hydrazino imino amido anilido ureido carboxy acetoxy"
    # Rings
    " piperidine piperidin piperidone piperidinol piperidino piperidyl piperidinyl piperazine piperazin piperazinyl"
    " pyridine pyridinyl pyridyl pyridone pyrrolidine pyrrolidin pyrrolidone pyrrolidino pyrrolidinyl pyrimidine"
    " pyrazine pyridazine morpholine morpholino imidazole imidazol benzimidazol benzimidazole pyrazole triazole"
    " tetrazole indole oxazole thiazole oxolane oxane azepane azetidine quinoline benzene toluene aniline phenol"
    " hydroquinone pyran tropane diazene triazene tetrazene azene triazine tetrazine porphine morphine azepan azetidin"
    # Ends of names
    " chloride bromide iodide fluoride anhydride hydrazide azide oxide dioxide sulfide cyanide nitrile amide imine oxime"
    " sulfate phosphate nitrate citrate oxalate carbamate carbonate chlorite chlorate bromate hydride hydrate alcohol"
    " ketone aldehyde ether ester acid"
)
# What joins parts to words. No single letters: with them nearly any word would be a chemical one.
_JOINTS: Final = (
    " yl ol al one an en yn ane ene yne ine oyl oxy oic ium ate meth eth prop but pent hex hept oct non dec cyclo iso"
    " nor des bis di tri tetra mono hydro dihydro tetrahydro aza oxa thia sulf penta hexa hepta octa nona deca undec"
    " dodec alpha beta para meta ortho fentanyl nitazene"
)


def _alternatives(words: str) -> str:
    return "|".join(sorted(set(words.split()), key=lambda part: (-len(part), part)))


#: Any of the parts, the longest at each place.
MORPHEME: Final = re.compile(_alternatives(_PARTS + " fentanyl nitazene"))
#: A whole word made of parts.
CHEMICAL_WORD: Final = re.compile(f"(?:{_alternatives(_PARTS + _JOINTS)})+")

#: Short words that end systematic names.
ENDING: Final = re.compile("yl|ol|one|al|ane|ene|ine|yne|oyl|oxy|oic|ide|ate|diol|dione|dial|amine|imine|thiol")

_LOCANTS: Final = "ortho meta para alpha beta gamma delta omega iso sec neo cyclo bis tris nor des o m p a b"
#: Words that say where or how a group stands: a name with another of them is another substance.
LOCANTS: Final = frozenset(_LOCANTS.split())
#: Those that must not be missing either; a missing longer one already counts as that many errors.
SIGNIFICANT_LOCANTS: Final = frozenset({"o", "m", "p", "a", "b", "nor", "des", "iso", "sec", "neo", "bis"})
