"""Building blocks of systematic names of chemicals, for telling such names from other text.

This is no grammar: OPSIN decides whether a text is a name, and of what. The blocks lack their last vowel, because
endings
change it (piperidine, piperidin-4-yl).
"""

from __future__ import annotations

from typing import Final


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


#: Blocks that hardly occur outside chemistry, or only in words whose other letters show that.
CORE: Final = _words(
    "acenaphth acetal acetamid acetamido acetate acetic aceto acetoacet aceton acetophenon acetoxy acetyl acridin",
    "acrolein acryl acrylamid acrylat adamant adenin adenosin adip alanin alanyl alkoxy alkyl allantoin allyl amid",
    "amido amin amino amphetamin amyl androst anhydrid anilid anilin anilino anisol anthrac anthranil anthraquinon",
    "arabino arginin arginyl arsen arsin arson aryl ascorb asparagin aspart aspartat aza azabicyclo azinan azepan azepin",
    "azetidin azid azido aziridin azo azocan azocin azulen barbitur benz benzal benzamid benzen benzimidazol benzo",
    "benzoat benzodiazepin benzofuran benzoic benzoin benzonitril benzothiazol benzoyl benzyl bicyclo biguanid",
    "biphenyl bismuth biuret boc boran bornan boron boronic borono brom bromid bromo butadien butan butanoyl buten",
    "butenyl butoxy butyl butyn butyr caffein camphor caprat capri capric capro capryl carbaldehyd carbam carbamoyl",
    "carbanil carbazol carbon carbonic carbonitril carbonyl carbostyril carbox carboxyl carboxylic carvon catechol",
    "cbz cepham cephem cetyl chlor chlorid chloro cholan cholest chromen chrysen cinnam cinnolin citr citrat citric",
    "citronell collidin corrin coumarin cresol cresyl croton crotyl cumen cumyl cyanat cyanid cyano cyclo cyclobutan",
    "cyclohexan cyclohexen cyclohexyl cyclopentan cyclopenten cyclopropan cyclopropyl cymen cystein cystin cytidin",
    "cytosin decadien decan decen decyl decyn deoxy diaza diazepin diazo dien diethyl dimethyl dioxan dioxol dioxolan",
    "dithi dithian dithiolan docos docosan docosen docosyl dodec dodecan dodecen dodecyl eicos eicosan eicosen",
    "eicosyl epoxy ergolin ergost erythrit estr estra ethan ethanoyl ethen ethenyl ethoxy ethoxyl ethyl ethylen",
    "ethyliden ethyn ethynyl eugen farnes ferrocen flav flavan flavon fluor fluoren fluorid fluoro fmoc form formamid",
    "formic formyl fructos fulven fumar furan furanos furanosid furanosyl furfur furo furyl galacto galacton",
    "galactopyranos geran german glucit gluco glucon glucopyranos glucos glutam glutamin glutar glycer glycid glycin",
    "glycol glycyl gonan guaiacol guanid guanidin guanin guanosin heneicos heptadecan heptadecyl heptan hepten heptyl",
    "hexacos hexadec hexadecan hexadecen hexadecyl hexadien hexan hexen hexit hexyl hexyn hippur histidin histidyl",
    "hydantoin hydrazid hydrazin hydro hydrobromid hydrochlorid hydroperoxy hydroxy hydroxyl hydroxylamin icosan",
    "icosyl imid imidazol imidazolidin imin imino indan indazol inden indol inosin iod iodid iodo isatin isocyan",
    "isoindol isonicotin isophthal isoquinolin isothiazol isoxazol keto lact lactam lambda lanost laur laurat leucin",
    "leucyl levulin limonen linal linalool linole lutidin lysin lysyl malei maleimid malon mandel manno mannopyranos",
    "menth mercapt mercaptan mercapto mercur mesitylen mesyl methacryl methan methionin methoxy methoxyl methyl",
    "methylen methyliden morphinan morpholin myrist naphth ner nicotin nipecot nitrat nitril nitro nitroso nonadec",
    "nonadien nonan nonane nonen nonyl norborn octacos octadec octadecan octadecen octadecyl octadien octan octen",
    "octyl octyn ole oleat ornithin oxa oxabicyclo oxadiazol oxal oxan oxathi oxathian oxathiolan oxazepin oxazin",
    "oxazol oxepin oxetan oxidanyl oxim oxiran oxo oxolan oxy palmit pantothen penam pentacos pentadecan pentadecyl",
    "pentadien pentan pentanoyl penten pentit pentyl pentyloxy peroxy perylen phen phenac phenanthr phenethyl phenol",
    "phenon phenothiazin phenoxazin phenoxy phenyl phenylalanin phosph phosphat phosphin phosphon phosphorus",
    "phosphoryl phthal phthalocyanin phytosphingos picolin picolyl pimel pinen piperazin piperazyl piperid piperidin",
    "piperidyl pival plumb porphin porphyrin pregn prenyl prolin prolyl propan propanoyl propargyl propen propenyl",
    "propion propiophenon propoxy propyl propylen propyn propynyl prosta pteridin purin purpur pyran pyranos",
    "pyranosid pyranosyl pyrazin pyrazol pyren pyrid pyridazin pyridin pyridon pyridyl pyrimidin pyrrol pyrrolidin",
    "pyruv quinazolin quinolin quinolizin quinolon quinon quinoxalin resorcin ribo ribofuranos salicyl sarcos sebac",
    "selan selen semicarbaz serin seryl silan siloxan silyl sorbat sorbit sphingos spiro squal stann stannan stear",
    "stigmast stilben styren styryl suber succin succinimid sulf sulfam sulfanyl sulfanyliden sulfat sulfid sulfin",
    "sulfinyl sulfo sulfon sulfonic sulfonyl sulph sulphin sulpho sulphon tartar taurin tellur terephthal terpen",
    "terphenyl terpinyl tert tetracos tetradec tetradecan tetradecen tetradecyl tetraen tetralin tetrazol theophyllin",
    "thia thiadiazol thiazepin thiazin thiazol thien thieno thiepin thiet thiiran thio thiocyan thiolan thiophen",
    "threonin thujon thymidin thymin tigl tolu toluen toluid tolyl tosyl triacont triaz triazin triazol tricyclo",
    "tridecan tridecyl trien trithi trityl tropan tryptamin tryptophan tryptophyl tyrosin tyrosyl undeca undecan",
    "undecen undecyl uracil urea ureido urethan uridin urs valer valin valyl vanill veratr vinyl xanthen xanthin",
    "xanthos xylen xylid xylitol xylo xylyl yliden",
)

#: Connecting blocks: multipliers, endings, prefixes of position and form, vowels.
FILL: Final = _words(
    "a abeo acet acid al aldehyd aldehyde alpha amm ammonium an anal ane anhydride anhydro anol anone anti ate ato az",
    "beta bis but cis cos d de dec deca delta des di dial dicarbox dioic diol dione dioxide dithiol diyl dl dodeca e",
    "en enal endo ene enol enone epsilon erythro ester eth ether exo gamma hemi hept hepta hex hexa homo hydr hydrat",
    "hydrate hydrogen hypo i ic ide idene in ine iso ite ium ketone l lactone lead lup meso meta meth mono n neo nium",
    "non nona nor o oate oct octa oic ol omega on one onium ortho ox oxid oxide oxido oyl para pent penta pentakis",
    "per prop quin r rac rel s sec seco sesqui sub sup syn tetra tetrakis tetrol thiol thione threo trans tri triol",
    "trione tris triyl u undec xy y yl ylene ylidene ylium ylo yn yne z",
)

#: Words that belong to a name if they are next to one.
BESIDE: Final = _words(
    "1:1 acetate acid acids alcohol aldehyde alpha aluminium aluminum amide amine ammonium anhydride antimony barium",
    "beryllium besylate beta bicarbonate bismuth bisulfate bisulphate borate bromide cadmium calcium carbinol",
    "carbonate cesium chloride choline chromium cis cis- citrate cobalt compd compd. compound copper cyanide d- delta",
    "di diacetate diamide diammonium dichloride diester dihydrate dihydrochloride dihydrogen dihydroxide dilithium",
    "dimer diol dioleate dioxide dipotassium disodium disulfide dl- e en enamide ene ester esters ether ethers",
    "fluoride fumarate gamma glycol gold hbr hcl hemihydrate heptahydrate hexahydrate hydrate hydrazone hydride",
    "hydrobromide hydrochloride hydrogen hydroxide imine inner iodide ion iron iso isocyanate ketone l- lead lithium",
    "magnesium maleate manganese mercaptan mercury mesylate mono mono- monoammonium monoester monohydrate",
    "monopotassium monosodium monoxide n-oxide nickel nitrate nitrite ol one oxalate oxide oxime palladium",
    "pentahydrate peroxide phosphate phosphite platinum potassium racemic rel- rubidium salt sec sec- semicarbazone",
    "sesquihydrate silicate silver sodium strontium sulfate sulfite sulphate tartrate tert tert- tetrahydrate",
    "tetrasodium thallium tin titanium tosylate trans trans- tri triammonium trihydrate trisodium trisulfide with yl",
    "ylidene z zinc zirconium",
)

#: Everyday goods whose names consist of such blocks.
EVERYDAY: Final = _words(
    "acetate acetone acid acids acrylic acrylics alpha amine amines amino anti antiseptic benzene beta boron bromine",
    "butane camphor carbon chlorine chrome citric collagen cologne ester ethanol ether form format former forms",
    "glycerin hyaluronic hydra hydrating hydro iodine ion iron lactic linen menthol meta methane methanol nylon omega",
    "oxide ozone para phosphorus polyester polyethylene polypropylene propane protein retinol silica silicon silicone",
    "sulfur trans vinyl vitamin",
)

#: Words that cannot begin or end a name.
LINKS: Final = _words(
    "a compd compd. d e h ion l m n o p r s with z",
)

#: Words of the second part of an inverted name.
SECOND_PART: Final = _words(
    "amide diester dioxide ester esters ether hydrazide hydrazone oxide oxime salt with",
)
