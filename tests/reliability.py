"""Write docs/reliability.md: run what holds the figures of recovery and trust, and put down what was counted.

    python -m tests.reliability        (make reliability)

A figure is a test. Its row says what was promised, how often it was tried in this run, and how long that took; a test
that fails, is skipped or has gone makes the command fail and leaves the document as it was. Tests count themselves with
`record_property("tried", ...)`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = ROOT / "docs" / "reliability.md"


class Figure(NamedTuple):
    """A promise and the test that holds it."""

    promise: str
    test: str
    """File, class where there is one, and function."""


FIGURES: Final = (
    Figure(
        "Backup killed (kill -9) at random points: every acknowledged one is sound, none is half visible",
        "tests/crash/test_recovery.py::test_backups_killed_at_500_moments",
    ),
    Figure(
        "Restore killed at random points: the target is there whole, or not at all",
        "tests/crash/test_recovery.py::test_restores_killed_at_500_moments",
    ),
    Figure(
        "Rotation killed at random points: nothing acknowledged lost or duplicated",
        "tests/crash/test_rotation.py::test_a_rotation_that_is_killed_five_hundred_times_loses_nothing",
    ),
    Figure(
        "Signing the registry again killed at random points: no policy unsigned, lost or signed by halves",
        "tests/crash/test_rotation.py::test_signing_again_that_is_killed_five_hundred_times_loses_nothing",
    ),
    Figure(
        "Changed archives: none is restored, no file outside the hidden folder",
        "tests/unit/recovery/test_restore.py::test_of_5000_changed_archives_none_is_restored",
    ),
    Figure(
        "Changed manifests: none is believed",
        "tests/unit/recovery/test_restore.py::test_of_1000_changed_manifests_none_is_believed",
    ),
    Figure(
        "Hostile members, each before, instead of and after the listed ones: none is written",
        "tests/unit/recovery/test_restore.py::test_a_hostile_member_is_refused",
    ),
    Figure(
        "Disk full or failing at each call of a backup: no backup is half there",
        "tests/unit/recovery/test_restore.py::test_a_disk_that_fails_at_any_call_leaves_no_backup_behind",
    ),
    Figure(
        "Disk full or failing at each call of a restore: there is no target",
        "tests/unit/recovery/test_restore.py::test_a_disk_that_fails_at_any_call_leaves_no_target_behind",
    ),
    Figure(
        "Disk full or failing at each write of SQLite or of the program, in each action on the registry: nothing lost",
        "tests/crash/test_write_faults.py::test_a_disk_that_refuses_any_write_changes_nothing",
    ),
    Figure(
        "The kernel refuses every write beyond each size: a command is done, or says why not and succeeds later",
        "tests/cli/test_full_disk.py::test_a_command_is_done_or_says_why_not",
    ),
    Figure(
        "Restore drills with a verifier process: every policy with equal ir_hash and ETag",
        "tests/unit/recovery/test_drill.py::test_twenty_drills_restore_every_policy",
    ),
    Figure(
        "The same over HTTP, before the backup and after the restore",
        "tests/unit/recovery/test_drill.py::test_restored_policy_has_identical_ir_hash_and_etag",
    ),
    Figure(
        "Old and new key accepted until the decommission time",
        "tests/unit/verifier/test_key_rotation.py::test_verify_accepts_old_and_new_until_decommission",
    ),
    Figure(
        "Old key refused at the decommission time and after",
        "tests/unit/verifier/test_key_rotation.py::test_verify_rejects_old_after_decommission",
    ),
    Figure(
        "A whole rotation under traffic: no verification failed, no old key accepted after its end",
        "tests/unit/recovery/test_rotation_drill.py::test_a_drill_rotates_a_copy_under_traffic_and_nobody_notices",
    ),
    Figure(
        "Whole rotations by the commands of the runbook, under load: every verification answered",
        "tests/contract/service/test_rotation_runbook.py::test_the_commands_of_the_runbook_rotate_a_key_under_load",
    ),
    Figure(
        "Every one-line change of a 1,000-line audit trail is found and located",
        "tests/unit/audit/test_verification.py::test_every_line_is_found",
    ),
    Figure(
        "Published Ed25519 signatures (Wycheproof): those that are valid are accepted, the others refused",
        "tests/unit/trust/test_vectors.py::test_wycheproof_ed25519",
    ),
    Figure(
        "The same in a PKCS#11 token (SoftHSM)",
        "tests/contract/signers/test_pkcs11.py::TestVectors::test_the_token_accepts_what_wycheproof_calls_valid_and_nothing_else",
    ),
    Figure(
        "The same in OpenBao",
        "tests/contract/signers/test_vault.py::TestVectors::test_vault_accepts_what_wycheproof_calls_valid_and_nothing_else",
    ),
    Figure(
        "Published Ed25519 signatures (the reference): made bit for bit by keys in files",
        "tests/unit/trust/test_vectors.py::test_reference_signatures",
    ),
    Figure(
        "The same by keys in a PKCS#11 token (SoftHSM)",
        "tests/contract/signers/test_pkcs11.py::TestVectors::test_all_reference_signatures",
    ),
    Figure(
        "The same by keys in OpenBao",
        "tests/contract/signers/test_vault.py::TestVectors::test_all_reference_signatures",
    ),
    Figure(
        "The same over the requests and answers of AWS KMS, by its own model; it signs nothing empty",
        "tests/contract/signers/test_awskms.py::test_all_reference_signatures_come_back_as_they_were_made",
    ),
    Figure(
        "Published ES256 signatures (Wycheproof): as published",
        "tests/unit/trust/test_vectors.py::test_wycheproof_ecdsa_p256",
    ),
    Figure(
        "Published JWS (RFC 7520, 7797, 8037): read in the granted algorithm and form only",
        "tests/unit/trust/test_vectors.py::test_published_jws_are_accepted_by_algorithm_and_form_only",
    ),
    Figure(
        "Published Merkle trees (RFC 6962): roots",
        "tests/unit/audit/test_merkle.py::test_published_roots",
    ),
    Figure(
        "Published proofs of inclusion: as published",
        "tests/unit/audit/test_merkle.py::test_published_inclusion_proofs",
    ),
    Figure(
        "Published proofs of consistency: as published",
        "tests/unit/audit/test_merkle.py::test_published_consistency_proofs",
    ),
    Figure(
        "Published SHA3-256 hashes (NIST): short messages",
        "tests/unit/test_ids.py::test_published_short_messages",
    ),
    Figure(
        "Published SHA3-256 hashes (NIST): Monte Carlo chain",
        "tests/unit/test_ids.py::test_published_monte_carlo_chain",
    ),
    Figure(
        "Published canonical JSON (RFC 8785): documents byte for byte",
        "tests/unit/test_canonical.py::test_published_documents",
    ),
    Figure(
        "Published canonical JSON (RFC 8785): numbers",
        "tests/unit/test_canonical.py::test_published_numbers",
    ),
    Figure(
        "Published texts that are no JSON (JSONTestSuite): refused",
        "tests/unit/test_canonical.py::test_invalid_json_is_refused",
    ),
    Figure(
        "Published texts that are JSON: read",
        "tests/unit/test_canonical.py::test_valid_json_is_read_as_every_reader_reads_it",
    ),
    Figure(
        "Secrets and personal data planted before every command, in text and JSON: none comes back",
        "tests/cli/test_planted.py::test_nothing_planted_comes_back_from_any_command",
    ),
    Figure(
        "The same where commands succeed: none in the trail, checkpoints, reports and backups",
        "tests/cli/test_planted.py::test_nothing_planted_leaves_in_the_trail_a_report_or_a_backup",
    ),
    Figure(
        "The same in a SAP pilot run: none in what is printed, drawn, logged or kept",
        "tests/contract/sap/test_commands.py::test_nothing_planted_is_found_in_anything_written_or_printed",
    ),
    Figure(
        "The same in requests to a verifier: none in its logs, metrics, registry and errors",
        "tests/unit/verifier/test_planted.py"
        "::test_nothing_planted_in_requests_is_logged_counted_kept_or_told_in_an_error",
    ),
    Figure(
        "The same around every screen of the control room: none is drawn",
        "tests/tui/test_planted.py::test_nothing_planted_is_drawn_on_any_screen",
    ),
)


class Outcome(NamedTuple):
    """What a test came to."""

    tests: int
    passed: int
    tried: str
    seconds: float


def main() -> int:
    """Run the tests and write the document; 1 where a figure does not hold."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", *sorted({figure.test for figure in FIGURES})]
        subprocess.run([*command, "-o", "junit_family=xunit1", f"--junit-xml={report}"], cwd=ROOT, check=False)
        outcomes = {figure: _outcome(figure, report) for figure in FIGURES}
    failed = [figure.promise for figure, outcome in outcomes.items() if not outcome.tests == outcome.passed > 0]
    if failed:
        sys.stderr.write("".join(f"does not hold: {promise}\n" for promise in failed))
        return 1
    DOCUMENT.write_text(_document(outcomes), "utf-8")
    return 0


def _outcome(figure: Figure, report: Path) -> Outcome:
    file, *classes, function = figure.test.split("::")
    module = ".".join([file.removesuffix(".py").replace("/", "."), *classes])
    cases = [
        case
        for case in ET.parse(report).iter("testcase")
        if case.get("classname") == module and (case.get("name") or "").partition("[")[0] == function
    ]
    passed = [case for case in cases if not any(case.find(tag) is not None for tag in ("failure", "error", "skipped"))]
    tried = [item.get("value", "") for case in cases for item in case.iter("property") if item.get("name") == "tried"]
    return Outcome(
        len(cases), len(passed), ", ".join(dict.fromkeys(tried)), sum(float(c.get("time", 0)) for c in cases)
    )


def _document(outcomes: dict[Figure, Outcome]) -> str:
    rows = [
        f"| {figure.promise} | {outcome.tried or f'{outcome.tests} cases'} | holds | {outcome.seconds:.1f} s | "
        f"`{figure.test.rpartition('/')[2]}` |"
        for figure, outcome in outcomes.items()
    ]
    return "\n".join([HEAD, *rows, FOOT])


HEAD: Final = """# Reliability

What is promised of recovery and trust, and what was counted when it was last tried. `make reliability` runs the tests
below and writes this page; where one of them fails, is skipped or is missing, the page is not written. All of them run
in the slow suite of `.ci/run`, with fixed seeds.

| promise | tried | result | took | test |
| --- | --- | --- | ---: | --- |"""

FOOT: Final = """
What this does not show: kill -9 is not power loss (what is acknowledged has been through fsync, and no machine was
unplugged); the disk's errors are injected at the calls of this program and of SQLite, none by a broken disk; a commit
that fsync alone refused comes back, whole, where the process dies before its next write; restores into a Kubernetes
namespace are tried as restores into an empty directory that a verifier process then serves."""

if __name__ == "__main__":
    sys.exit(main())
