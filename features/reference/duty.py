"""Values below which consignments are exempt from duty or formalities."""

from __future__ import annotations

from typing import Final

#: Limit of the United States (19 U.S.C. 1321(a)(2)(C), until it was suspended), also assumed for all countries outside the Union.
LIMIT_USD: Final = 800
#: Limit of the European Union (Council Regulation (EC) 1186/2009, article 23).
LIMIT_EUR: Final = 150
#: Values from this share of a limit up to the limit count as just below it; an assumption.
JUST_BELOW: Final = 0.95
