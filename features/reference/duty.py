"""Values below which consignments are exempt from duty or formalities."""

from __future__ import annotations

from typing import Final

#: In the United States (19 U.S.C. 1321(a)(2)(C), until it was suspended), and by assumption in all countries outside the Union.
LIMIT_USD: Final = 800
#: In the European Union (Council Regulation (EC) 1186/2009, article 23).
LIMIT_EUR: Final = 150
#: Part of a limit from which a value lies just below it; an assumption.
JUST_BELOW: Final = 0.95
