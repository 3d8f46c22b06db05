"""The columns of `features.groups.party.group`, written row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import cython
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from features.table.table import ManifestTable

FloatArray = NDArray[np.float64]

_COMPANY: Final = 1
_CHEMICAL: Final = 2
_LABORATORY: Final = 4
_FORWARDER: Final = 8
_UNIT: Final = 16
_DIGIT: Final = 32
#: What the words of a name or an address speak of -> its bit among the marks of the text.
MARKS: Final = {
    "company": _COMPANY, "chemical": _CHEMICAL, "laboratory": _LABORATORY, "forwarder": _FORWARDER, "unit": _UNIT,
    "digit": _DIGIT,
}  # fmt: skip

_RETURN: Final = 1
_GIFT: Final = 2
_SAMPLE: Final = 3
#: Natures of the transaction that are told apart.
CLAIMS: Final = {"21": _RETURN, "31": _GIFT, "32": _SAMPLE}

_NAN: Final = float("nan")
_DAY: Final = 86400
#: `TIME_MISSING` is the least of all integers; no time is as low as this.
_NEVER: Final = -(2**62)
#: No account counts as opened earlier than this many seconds before 1970: differences then stay within 64 bits.
_EARLIEST: Final = -(10**11)


def account_columns(table: ManifestTable, known_of: NDArray[np.int32], out: FloatArray) -> None:
    """Columns 0 to 2 of ``out`` (n, F); ``known_of`` says per text of ``consignor_known`` whether it is yes."""
    known = table.text("consignor_known").codes
    known_of_text = known_of
    opened = table.seconds("consignor_account_opened_on")
    declared = table.declared_s
    shipment = table.shipment
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            since = opened[row]
            if since < _NEVER:
                matrix[row, 0] = _NAN
                matrix[row, 1] = 1.0
            else:
                age = declared[shipment[row]] - (since if since > _EARLIEST else _EARLIEST)
                # An account opened after the shipment is as new as one opened that day.
                matrix[row, 0] = age // _DAY if age > 0 else 0.0
                matrix[row, 1] = 0.0
            code = known[row]
            matrix[row, 2] = _NAN if code < 0 else known_of_text[code]


def kind_columns(
    table: ManifestTable,
    consignor: NDArray[np.uint8],
    consignee: NDArray[np.uint8],
    address: NDArray[np.uint8],
    out: FloatArray,
) -> None:
    """Columns 6 to 14.

    Args:
        consignor, consignee, address: marks (`MARKS`) per name of consignors and of consignees and per consignee's address.
    """
    sender = table.text("consignor_name").codes
    receiver = table.text("consignee_name").codes
    place = table.text("consignee_address").codes
    # Whether there is one shows without its normal form, which nobody needs.
    origin = table.declared("consignor_address").codes
    of_sender = consignor
    of_receiver = consignee
    of_place = address
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            code = sender[row]
            if code < 0:
                matrix[row, 6] = _NAN
                matrix[row, 7] = _NAN
            else:
                bits = of_sender[code]
                matrix[row, 6] = 1.0 if bits & _COMPANY else 0.0
                matrix[row, 7] = 1.0 if bits & _CHEMICAL else 0.0
            code = receiver[row]
            known = False
            forwarder = 0
            if code < 0:
                matrix[row, 8] = _NAN
                matrix[row, 9] = _NAN
            else:
                known = True
                bits = of_receiver[code]
                forwarder = bits & _FORWARDER
                matrix[row, 8] = 1.0 if bits & _COMPANY else 0.0
                matrix[row, 9] = 1.0 if bits & _LABORATORY else 0.0
            code = place[row]
            if code < 0:
                matrix[row, 11] = 1.0
                matrix[row, 13] = _NAN
                matrix[row, 14] = _NAN
            else:
                known = True
                bits = of_place[code]
                forwarder |= bits & _FORWARDER
                matrix[row, 11] = 0.0
                matrix[row, 13] = 1.0 if bits & _DIGIT else 0.0
                matrix[row, 14] = 1.0 if bits & _UNIT else 0.0
            matrix[row, 10] = _NAN if not known else 1.0 if forwarder else 0.0
            matrix[row, 12] = 0.0 if origin[row] >= 0 else 1.0


def contact_columns(
    table: ManifestTable,
    free_mail: NDArray[np.uint8],
    dialled: NDArray[np.int8],
    dialled_in: NDArray[np.int32],
    digits: NDArray[np.int32],
    in_united_states: NDArray[np.int32],
    out: FloatArray,
) -> None:
    """Columns 3 to 5, 15 and 16.

    Args:
        free_mail: per e-mail address of consignors whether it is at a free provider.
        dialled: per telephone of consignors the number of its dialling code, -1 where it has none.
        dialled_in: per country of consignors the numbers of the dialling codes used there, as bits.
        digits: how many each postcode of consignees has.
        in_united_states: per country of consignees whether it is that.
    """
    phone = table.text("consignor_phone").codes
    email = table.text("consignor_email").codes
    country = table.text("consignor_country").codes
    their_phone = table.text("consignee_phone").codes
    their_email = table.text("consignee_email").codes
    their_country = table.text("consignee_country").codes
    postcode = table.text("consignee_postcode").codes
    free = free_mail
    prefix = dialled
    prefixes = dialled_in
    digits_of = digits
    american = in_united_states
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            matrix[row, 3] = (1.0 if phone[row] >= 0 else 0.0) + (1.0 if email[row] >= 0 else 0.0)
            matrix[row, 4] = (1.0 if their_phone[row] >= 0 else 0.0) + (1.0 if their_email[row] >= 0 else 0.0)
            matrix[row, 5] = free[email[row]] if email[row] >= 0 else _NAN
            code = prefix[phone[row]] if phone[row] >= 0 and country[row] >= 0 else -1
            matrix[row, 15] = _NAN if code < 0 else 1 - (prefixes[country[row]] >> code & 1)
            code = their_country[row]
            if code >= 0 and american[code] and postcode[row] >= 0:
                count = digits_of[postcode[row]]
                matrix[row, 16] = 0.0 if count == 5 or count == 9 else 1.0
            else:
                matrix[row, 16] = _NAN


def claim_columns(table: ManifestTable, nature_of: NDArray[np.int32], out: FloatArray) -> None:
    """Columns 18 to 22, of which the first needs column 6; ``nature_of`` has per text its number in `CLAIMS`."""
    nature = table.text("transaction_nature").codes
    agent = table.text("agent_name").codes
    of_nature = nature_of
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            claim = of_nature[nature[row]] if nature[row] >= 0 else 0
            matrix[row, 18] = 1.0 if claim == _GIFT and matrix[row, 6] == 1.0 else 0.0
            matrix[row, 19] = 1.0 if claim == _SAMPLE else 0.0
            matrix[row, 20] = 1.0 if claim == _GIFT else 0.0
            matrix[row, 21] = 1.0 if claim == _RETURN else 0.0
            matrix[row, 22] = 1.0 if agent[row] >= 0 else 0.0


def same_name_column(table: ManifestTable, fold: Callable[[str], str], out: FloatArray) -> None:
    """Column 17: whether consignor and consignee have one name, missing where either has none.

    Names are compared without regard to case; those with other than ASCII characters as ``fold`` has them.
    """
    senders = table.text("consignor_name").values
    receivers = table.text("consignee_name").values
    sender = table.text("consignor_name").codes
    receiver = table.text("consignee_name").codes
    matrix = out
    for row in range(matrix.shape[0]):
        if sender[row] < 0 or receiver[row] < 0:
            matrix[row, 17] = _NAN
            continue
        first = senders[sender[row]]
        second = receivers[receiver[row]]
        if first.isascii() and second.isascii():
            same = len(first) == len(second) and first.lower() == second.lower()
        else:
            first = fold(first)
            second = fold(second)
            if not first or not second:
                matrix[row, 17] = _NAN
                continue
            same = first == second
        matrix[row, 17] = 1.0 if same else 0.0
