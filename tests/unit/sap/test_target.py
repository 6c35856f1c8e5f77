"""`--odata` in all the forms users have it: the host, a folder, a service, a collection."""

from __future__ import annotations

import pytest

from engine.errors import InvalidInput
from engine.sap.table import find_set
from engine.sap.target import check_run_id, parse_target

GATEWAY = "https://sap.example:44300/sap/opu/odata/sap"


@pytest.mark.parametrize(
    "odata",
    [
        "https://sap.example:44300",
        "https://sap.example:44300/",
        GATEWAY,
        f"{GATEWAY}/Z_CAP_SUPPLIERS_SRV",
        f"{GATEWAY}/Z_CAP_SUPPLIERS_SRV/",
        f"{GATEWAY}/Z_CAP_SUPPLIERS_SRV/SupplierSet",
        f"{GATEWAY}/Z_CAP_STATUS_SRV",
    ],
)
def test_every_form_leads_to_both_services(odata: str) -> None:
    """One URL serves pull and write-back alike, as in the user's own lines."""
    target = parse_target(odata, "100")
    assert target.read_root == f"{GATEWAY}/Z_CAP_SUPPLIERS_SRV"
    assert target.write_root == f"{GATEWAY}/Z_CAP_STATUS_SRV"


def test_other_names_are_taken_from_the_url() -> None:
    """A service in the customer's own namespace, with a version, and its own collection."""
    target = parse_target("https://x.example/odata/ZMM_VENDORS_SRV;v=2/Vendors", "")
    assert (target.read_root, target.read_set) == ("https://x.example/odata/ZMM_VENDORS_SRV;v=2", "Vendors")
    assert parse_target(f"{GATEWAY}/Z_CAP_STATUS_SRV/MyStatus", "").table == "MyStatus"
    assert parse_target("https://x.example/odata/v2", "").read_root == "https://x.example/odata/v2/Z_CAP_SUPPLIERS_SRV"


@pytest.mark.parametrize(
    ("odata", "code"),
    [
        ("sap.example", "sap.url"),
        ("ftp://sap.example", "sap.url"),
        ("https://", "sap.url"),
        ("https://user:secret@sap.example", "sap.url_credentials"),
        ("http://sap.example", "sap.not_encrypted"),
        (f"{GATEWAY}/Z_CAP_SUPPLIERS_SRV/SupplierSet/more", "sap.url"),
        ("https://sap.example?sap-client=100", "sap.url"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_repeating_it(odata: str, code: str) -> None:
    """The message never shows the URL: there may be a password in it."""
    with pytest.raises(InvalidInput) as caught:
        parse_target(odata, "100")
    assert caught.value.code == code
    assert "secret" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("client", ["1", "1000", "abc", "10 "])
def test_a_client_has_three_digits(client: str) -> None:
    """Anything else would be sent to the system's default client."""
    with pytest.raises(InvalidInput):
        parse_target(GATEWAY, client)


@pytest.mark.parametrize("run_id", ["", "RUN 1", "R" * 33, "RÜN", "a/b", "x'y"])
def test_a_run_id_fits_into_its_field(run_id: str) -> None:
    """CHAR32, and harmless in a URL."""
    with pytest.raises(InvalidInput):
        check_run_id(run_id)


def test_a_table_is_found_by_its_name_with_and_without_prefix() -> None:
    """Generated names differ; an ambiguous one is none."""
    table = "Z_CAP_SUPPLIER_STATUS"
    assert find_set(table, ["Other", "Z_CAP_SUPPLIER_STATUSSet"]) == "Z_CAP_SUPPLIER_STATUSSet"
    assert find_set(table, ["SupplierStatusSet", "SupplierSet"]) == "SupplierStatusSet"
    assert find_set(table, ["StatusSet", "SupplierStatusSet"]) is None
    assert find_set(table, ["Suppliers"]) is None
