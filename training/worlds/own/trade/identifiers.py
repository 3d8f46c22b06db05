"""House, master and shipment identifiers with the check digits of their standards."""

from __future__ import annotations

from typing import Final

import numpy as np

from training.arrays import Bools, Hashes, Ints, Texts
from training.worlds.own.trade.geography import AIR, EXPRESS, OCEAN, POSTAL
from training.worlds.own.trade.hashing import unit

#: UPU S10: weights of the eight digits.
_S10: Final = np.array([8, 6, 4, 2, 3, 5, 9, 7])


def padded(number: Ints, width: int) -> Texts:
    """Return decimal texts (n,) with leading zeros."""
    # `zfill` fails on an empty array.
    return np.char.zfill(number.astype(np.str_), width).astype(object) if len(number) else np.empty(0, dtype=object)


def s10(number: Ints, service: Texts, country: Texts) -> Texts:
    """Return UPU S10 item identifiers: two letters, eight digits, check digit, country."""
    digits = (number[:, None] // 10 ** np.arange(7, -1, -1)) % 10
    check = 11 - (digits * _S10).sum(axis=1) % 11
    check = np.where(check == 10, 0, np.where(check == 11, 5, check))
    return np.asarray(service + padded(number, 8) + check.astype(np.str_).astype(object) + country)


def air_waybill(prefix: Texts, serial: Ints) -> Texts:
    """Return air waybill numbers (IATA Resolution 600a): airline prefix, seven digits and their remainder modulo seven."""
    return np.asarray(prefix + "-" + padded(serial, 7) + (serial % 7).astype(np.str_).astype(object))


def house_ids(channel: Ints, key: Hashes, country: Texts, broken: Bools) -> Texts:
    """Return house document numbers (n,) by channel. In ``broken`` ones, the third character from the end is wrong.

    In the identifiers of mail, that character is the check digit.
    """
    number = (unit(key, 1) * 99_999_999).astype(np.int64)
    service = np.array(["LX", "LK", "RR", "CP", "EE", "UA", "CY", "LZ"], dtype=object)[
        (unit(key, 2) * 8).astype(np.int64)
    ]
    texts: Texts = np.asarray("BL" + padded(number, 9), dtype=object)
    posted = channel == POSTAL
    texts[posted] = s10(number[posted], service[posted], country[posted])
    sent = channel == EXPRESS
    texts[sent] = padded((unit(key[sent], 3) * 9e11 + 1e11).astype(np.int64), 12)
    flown = channel == AIR
    texts[flown] = "H" + padded(number[flown], 8)
    slips = np.flatnonzero(broken)
    texts[slips] = [
        f"{text[:-3]}{(int(text[-3]) + 1) % 10 if text[-3].isdigit() else 7}{text[-2:]}" for text in texts[slips]
    ]
    return texts


def master_ids(channel: Ints, prefix: Texts, key: Hashes, origin: Texts, destination: Texts, day: Ints) -> Texts:
    """Return master document numbers (n,). Consignments that travel together have equal ``key``."""
    serial = (unit(key, 4) * 9_999_999).astype(np.int64)
    texts: Texts = np.asarray("TR" + padded(serial, 8), dtype=object)
    flown = (channel == AIR) | (channel == EXPRESS)
    texts[flown] = air_waybill(prefix[flown], serial[flown])
    posted = channel == POSTAL
    texts[posted] = (
        origin[posted] + destination[posted] + "AUN" + padded(day[posted] % 10000, 4) + padded(serial[posted] % 1000, 3)
    )
    shipped = channel == OCEAN
    texts[shipped] = "OCNU" + padded(serial[shipped], 7)
    return texts
