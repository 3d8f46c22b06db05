"""The form of a world. The worlds share this form, and nothing of their contents."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

COLUMNS = (  # noqa: SIM905
    "shipment_id master_id house_id filing_type channel transport_mode declared_at export_country routing_countries "
    "loading_location unloading_location carrier_id agent_name marketplace transaction_nature gross_mass_kg package_count "
    "package_type freight_charge currency consignor_name consignor_address consignor_city consignor_postcode "
    "consignor_country consignor_phone consignor_email consignor_account_opened_on consignor_known consignee_name "
    "consignee_address consignee_city consignee_postcode consignee_country consignee_phone consignee_email permit_number "
    "item_number goods_description declared_chemical cas_number cus_number hs_code origin_country net_mass_kg quantity "
    "quantity_unit customs_value undg_number"
).split()
CONTENTS = ("none", "fentanyl", "analogue", "other_opioid", "precursor", "equipment")


@dataclass(frozen=True)
class World:
    """Manifests of one author, with the truth kept apart.

    Attributes:
        items: One row per goods item, all columns of COLUMNS as text, "" for missing; in order of `declared_at`;
            rows of one shipment are adjacent.
        truth: One row per shipment in the same order: shipment_id, content (of CONTENTS), group (short name of the
            illicit group, of the hard-negative group, or ""), hard (True for a hard negative), warmup (True before the
            scored period).
        evidence: One row per shipment, index shipment_id: the generator's own noise-free evidence as floats. It contains
            only what a perfect reader of the manifest could note, never the truth itself.
        points: The documented points system: one score per shipment_id, higher is more suspicious.
    """

    items: pd.DataFrame
    truth: pd.DataFrame
    evidence: pd.DataFrame
    points: pd.Series
