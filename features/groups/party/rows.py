"""Compiled loops for the party columns.

Each function assigns its array arguments to locals that the `.pxd` declares as memory views.
"""

from __future__ import annotations

from collections.abc import Callable

import cython
import numpy as np
from numpy.typing import NDArray

from features.groups.party.columns import Claim, Mark, PartyColumn
from features.kinds.parties import PartyKind
from features.table.coded import rows_of
from features.table.table import ManifestTable
from features.texts.phrases import numbers

FloatArray = NDArray[np.float64]

_ACCOUNT_AGE_DAYS = cython.declare(cython.Py_ssize_t, PartyColumn.ACCOUNT_AGE_DAYS)
_ACCOUNT_AGE_MISSING = cython.declare(cython.Py_ssize_t, PartyColumn.ACCOUNT_AGE_MISSING)
_CONSIGNOR_KNOWN = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNOR_KNOWN)
_CONSIGNOR_CONTACT = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNOR_CONTACT)
_CONSIGNEE_CONTACT = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNEE_CONTACT)
_CONSIGNOR_FREE_MAIL = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNOR_FREE_MAIL)
_CONSIGNOR_COMPANY = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNOR_COMPANY)
_CONSIGNOR_CHEMICAL = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNOR_CHEMICAL)
_CONSIGNOR_LABORATORY = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNOR_LABORATORY)
_CONSIGNOR_MEDICAL = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNOR_MEDICAL)
_CONSIGNOR_TRADER = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNOR_TRADER)
_CONSIGNEE_COMPANY = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNEE_COMPANY)
_CONSIGNEE_LABORATORY = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNEE_LABORATORY)
_CONSIGNEE_MEDICAL = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNEE_MEDICAL)
_CONSIGNEE_CHEMICAL = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNEE_CHEMICAL)
_CONSIGNEE_MAKER = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNEE_MAKER)
_CONSIGNEE_TRADER = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNEE_TRADER)
_CONSIGNEE_FORWARDER = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNEE_FORWARDER)
_CONSIGNEE_ADDRESS_MISSING = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNEE_ADDRESS_MISSING)
_CONSIGNOR_ADDRESS_MISSING = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNOR_ADDRESS_MISSING)
_CONSIGNEE_ADDRESS_NUMBER = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNEE_ADDRESS_NUMBER)
_CONSIGNEE_UNIT = cython.declare(cython.Py_ssize_t, PartyColumn.CONSIGNEE_UNIT)
_PHONE_COUNTRY_CONTRADICTS = cython.declare(cython.Py_ssize_t, PartyColumn.PHONE_COUNTRY_CONTRADICTS)
_POSTCODE_MALFORMED = cython.declare(cython.Py_ssize_t, PartyColumn.POSTCODE_MALFORMED)
_SAME_NAME = cython.declare(cython.Py_ssize_t, PartyColumn.SAME_NAME)
_GIFT_FROM_COMPANY = cython.declare(cython.Py_ssize_t, PartyColumn.GIFT_FROM_COMPANY)
_SAMPLE_CLAIMED = cython.declare(cython.Py_ssize_t, PartyColumn.SAMPLE_CLAIMED)
_GIFT_CLAIMED = cython.declare(cython.Py_ssize_t, PartyColumn.GIFT_CLAIMED)
_RETURN_CLAIMED = cython.declare(cython.Py_ssize_t, PartyColumn.RETURN_CLAIMED)
_AGENT_PRESENT = cython.declare(cython.Py_ssize_t, PartyColumn.AGENT_PRESENT)

_ORGANISATION = cython.declare(cython.int, PartyKind.ORGANISATION)
_LABORATORY = cython.declare(cython.int, PartyKind.LABORATORY)
_MEDICAL = cython.declare(cython.int, PartyKind.MEDICAL)
_CHEMICAL = cython.declare(cython.int, PartyKind.CHEMICAL)
_MAKER = cython.declare(cython.int, PartyKind.MAKER)
_OF_FORWARDER = cython.declare(cython.int, PartyKind.FORWARDER)
_NUMBERED = cython.declare(cython.int, PartyKind.NUMBERED)
_TRADER = cython.declare(cython.int, PartyKind.TRADER)
#: Kinds with a known line of business.
_WITH_BUSINESS_LINE = cython.declare(
    cython.int, PartyKind.LABORATORY | PartyKind.MEDICAL | PartyKind.CHEMICAL | PartyKind.MAKER
)

_FORWARDER = cython.declare(cython.int, Mark.FORWARDER)
_UNIT = cython.declare(cython.int, Mark.UNIT)
_DIGIT = cython.declare(cython.int, Mark.DIGIT)

_RETURN = cython.declare(cython.int, Claim.RETURN)
_GIFT = cython.declare(cython.int, Claim.GIFT)
_SAMPLE = cython.declare(cython.int, Claim.SAMPLE)

_NAN = cython.declare(cython.double, float("nan"))
_DAY = cython.declare(cython.longlong, 86400)
#: Lower bound of real times. `TIME_MISSING` is below it.
_NEVER = cython.declare(cython.longlong, -(2**62))
#: Lower bound applied to opening times, so that differences of times stay within 64 bits.
_EARLIEST = cython.declare(cython.longlong, -(10**11))


def account_columns(table: ManifestTable, known_of: dict[str, int], out: FloatArray) -> None:
    """Write the columns of the consignor's account into ``out`` (n, F).

    Args:
        known_of: 1 for each value of ``consignor_known`` that means yes.
    """
    known_column = table.text("consignor_known")
    known = rows_of(known_column)
    known_of_text = numbers(known_column.values, known_of)
    opened = table.seconds("consignor_account_opened_on")
    declared = table.declared_s
    shipment = table.shipment
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            since = opened[row]
            if since < _NEVER:
                matrix[row, _ACCOUNT_AGE_DAYS] = _NAN
                matrix[row, _ACCOUNT_AGE_MISSING] = 1.0
            else:
                age = declared[shipment[row]] - (since if since > _EARLIEST else _EARLIEST)
                # An account opened after the declaration has age 0.
                matrix[row, _ACCOUNT_AGE_DAYS] = age // _DAY if age > 0 else 0.0
                matrix[row, _ACCOUNT_AGE_MISSING] = 0.0
            code = known[row]
            matrix[row, _CONSIGNOR_KNOWN] = _NAN if code < 0 else known_of_text[code]


def kind_columns(
    table: ManifestTable,
    consignor: NDArray[np.int32],
    consignee: NDArray[np.int32],
    address: NDArray[np.uint8],
    out: FloatArray,
) -> None:
    """Write the columns computed from names and addresses of the parties.

    Args:
        consignor, consignee: `features.kinds.parties.name_marks` of each distinct name of the party. The lower bits are a
            `PartyKind`.
        address: `Mark` bits of each distinct consignee address.
    """
    sender = rows_of(table.text("consignor_name"))
    receiver = rows_of(table.text("consignee_name"))
    place = rows_of(table.text("consignee_address"))
    # Only the presence of the consignor's address counts, so it is not normalised.
    sender_place = rows_of(table.declared("consignor_address"))
    of_sender = consignor
    of_receiver = consignee
    of_place = address
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            code = sender[row]
            if code < 0:
                matrix[row, _CONSIGNOR_COMPANY] = _NAN
                matrix[row, _CONSIGNOR_CHEMICAL] = _NAN
                matrix[row, _CONSIGNOR_LABORATORY] = _NAN
                matrix[row, _CONSIGNOR_MEDICAL] = _NAN
                matrix[row, _CONSIGNOR_TRADER] = _NAN
            else:
                bits = of_sender[code]
                matrix[row, _CONSIGNOR_COMPANY] = 1.0 if bits & _ORGANISATION else 0.0
                matrix[row, _CONSIGNOR_CHEMICAL] = 1.0 if bits & _CHEMICAL else 0.0
                matrix[row, _CONSIGNOR_LABORATORY] = 1.0 if bits & _LABORATORY else 0.0
                matrix[row, _CONSIGNOR_MEDICAL] = 1.0 if bits & _MEDICAL else 0.0
                matrix[row, _CONSIGNOR_TRADER] = _is_trader(bits)
            code = receiver[row]
            has_consignee = False
            forwarder = 0
            if code < 0:
                matrix[row, _CONSIGNEE_COMPANY] = _NAN
                matrix[row, _CONSIGNEE_LABORATORY] = _NAN
                matrix[row, _CONSIGNEE_MEDICAL] = _NAN
                matrix[row, _CONSIGNEE_CHEMICAL] = _NAN
                matrix[row, _CONSIGNEE_MAKER] = _NAN
                matrix[row, _CONSIGNEE_TRADER] = _NAN
            else:
                has_consignee = True
                bits = of_receiver[code]
                forwarder = bits & _OF_FORWARDER
                matrix[row, _CONSIGNEE_COMPANY] = 1.0 if bits & _ORGANISATION else 0.0
                matrix[row, _CONSIGNEE_LABORATORY] = 1.0 if bits & _LABORATORY else 0.0
                matrix[row, _CONSIGNEE_MEDICAL] = 1.0 if bits & _MEDICAL else 0.0
                matrix[row, _CONSIGNEE_CHEMICAL] = 1.0 if bits & _CHEMICAL else 0.0
                matrix[row, _CONSIGNEE_MAKER] = 1.0 if bits & _MAKER else 0.0
                matrix[row, _CONSIGNEE_TRADER] = _is_trader(bits)
            code = place[row]
            if code < 0:
                matrix[row, _CONSIGNEE_ADDRESS_MISSING] = 1.0
                matrix[row, _CONSIGNEE_ADDRESS_NUMBER] = _NAN
                matrix[row, _CONSIGNEE_UNIT] = _NAN
            else:
                has_consignee = True
                bits = of_place[code]
                forwarder |= bits & _FORWARDER
                matrix[row, _CONSIGNEE_ADDRESS_MISSING] = 0.0
                matrix[row, _CONSIGNEE_ADDRESS_NUMBER] = 1.0 if bits & _DIGIT else 0.0
                matrix[row, _CONSIGNEE_UNIT] = 1.0 if bits & _UNIT else 0.0
            matrix[row, _CONSIGNEE_FORWARDER] = _NAN if not has_consignee else 1.0 if forwarder else 0.0
            matrix[row, _CONSIGNOR_ADDRESS_MISSING] = 0.0 if sender_place[row] >= 0 else 1.0


def _is_trader(bits: int) -> float:
    """Return 1.0 if the kinds are those of a trader without a known line of business, otherwise 0.0."""
    return 1.0 if bits & _NUMBERED or (bits & _TRADER and not bits & _WITH_BUSINESS_LINE) else 0.0


def contact_columns(
    table: ManifestTable,
    free_mail: NDArray[np.uint8],
    dialled: NDArray[np.int8],
    dialled_in: NDArray[np.int32],
    digits: NDArray[np.int32],
    in_united_states: NDArray[np.int32],
    out: FloatArray,
) -> None:
    """Write the columns of contacts, dialling codes and postcodes.

    Each array argument has one entry per distinct value of its field.

    Args:
        free_mail: 1 if the consignor's e-mail address is at a free provider, otherwise 0.
        dialled: index of the dialling code of the consignor's telephone; -1 if no dialling code is known.
        dialled_in: bit set of the indices of the dialling codes used in the consignor's country.
        digits: number of digits in the consignee's postcode.
        in_united_states: 1 if the consignee's country is the United States, otherwise 0.
    """
    phone = rows_of(table.text("consignor_phone"))
    email = rows_of(table.text("consignor_email"))
    country = rows_of(table.text("consignor_country"))
    consignee_phone = rows_of(table.text("consignee_phone"))
    consignee_email = rows_of(table.text("consignee_email"))
    consignee_country = rows_of(table.text("consignee_country"))
    postcode = rows_of(table.text("consignee_postcode"))
    free = free_mail
    prefix = dialled
    prefixes = dialled_in
    digits_of = digits
    american = in_united_states
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            matrix[row, _CONSIGNOR_CONTACT] = (1.0 if phone[row] >= 0 else 0.0) + (1.0 if email[row] >= 0 else 0.0)
            matrix[row, _CONSIGNEE_CONTACT] = (1.0 if consignee_phone[row] >= 0 else 0.0) + (
                1.0 if consignee_email[row] >= 0 else 0.0
            )
            matrix[row, _CONSIGNOR_FREE_MAIL] = free[email[row]] if email[row] >= 0 else _NAN
            code = prefix[phone[row]] if phone[row] >= 0 and country[row] >= 0 else -1
            matrix[row, _PHONE_COUNTRY_CONTRADICTS] = _NAN if code < 0 else 1 - (prefixes[country[row]] >> code & 1)
            code = consignee_country[row]
            if code >= 0 and american[code] and postcode[row] >= 0:
                count = digits_of[postcode[row]]
                matrix[row, _POSTCODE_MALFORMED] = 0.0 if count == 5 or count == 9 else 1.0
            else:
                matrix[row, _POSTCODE_MALFORMED] = _NAN


def claim_columns(table: ManifestTable, nature_of: dict[str, int], out: FloatArray) -> None:
    """Write the columns of claims and of the agent. Call `kind_columns` first, because one column uses its result.

    Args:
        nature_of: code of ``transaction_nature`` -> `Claim`.
    """
    nature_column = table.text("transaction_nature")
    nature = rows_of(nature_column)
    agent = rows_of(table.text("agent_name"))
    of_nature = numbers(nature_column.values, nature_of)
    matrix = out
    with cython.nogil:
        for row in range(matrix.shape[0]):
            claim = of_nature[nature[row]] if nature[row] >= 0 else 0
            matrix[row, _GIFT_FROM_COMPANY] = 1.0 if claim == _GIFT and matrix[row, _CONSIGNOR_COMPANY] == 1.0 else 0.0
            matrix[row, _SAMPLE_CLAIMED] = 1.0 if claim == _SAMPLE else 0.0
            matrix[row, _GIFT_CLAIMED] = 1.0 if claim == _GIFT else 0.0
            matrix[row, _RETURN_CLAIMED] = 1.0 if claim == _RETURN else 0.0
            matrix[row, _AGENT_PRESENT] = 1.0 if agent[row] >= 0 else 0.0


def same_name_column(table: ManifestTable, fold: Callable[[str], str], out: FloatArray) -> None:
    """Write 1 if consignor and consignee have the same name, otherwise 0; NaN if either name is missing.

    Args:
        fold: function that normalises two names if either is not ASCII. ASCII names are compared in lower case.
    """
    senders = table.text("consignor_name").values
    receivers = table.text("consignee_name").values
    sender = rows_of(table.text("consignor_name"))
    receiver = rows_of(table.text("consignee_name"))
    matrix = out
    for row in range(matrix.shape[0]):
        if sender[row] < 0 or receiver[row] < 0:
            matrix[row, _SAME_NAME] = _NAN
            continue
        first = senders[sender[row]]
        second = receivers[receiver[row]]
        if first.isascii() and second.isascii():
            same = len(first) == len(second) and first.lower() == second.lower()
        else:
            first = fold(first)
            second = fold(second)
            if not first or not second:
                matrix[row, _SAME_NAME] = _NAN
                continue
            same = first == second
        matrix[row, _SAME_NAME] = 1.0 if same else 0.0
