"""The report of a batch: what it proves, what it is as of, and what changes it."""

import contextlib
import json
import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from api.paper import pdf_of
from api.printing import printed
from api.report_file import report_file
from domain.errors import Refused
from domain.ports import Person
from domain.review import actors_of, items_of, open_points
from domain.review_content import changed_parts, checked, sealed, signed_content
from domain.signatures import Meaning, shown
from service.signing import Signing
from tests.reviewed import BATCH, EXCURSION, Reviewed, alarm, disposition, excursion, reviewed


@pytest.fixture
def site(tmp_path: Path):
    made = reviewed(tmp_path)
    yield made
    made.records.close()


def sentence(site: Reviewed, position: int | None = None) -> str:
    return site.reports.report(BATCH, position).parameters[0].sentence


def kinds(site: Reviewed) -> list[str]:
    return [each.kind for each in open_points(site.reports.report(BATCH))]


def test_a_parameter_is_told_in_a_sentence_with_its_evidence(site: Reviewed) -> None:
    assert sentence(site) == (
        "14,388 of 14,400 s observed: 14,356.571428572 s in the validated range, 31.428571428 s outside it; "
        "12 s unobserved in 1 stretch."
    )


def test_the_times_against_each_range_add_up_to_the_whole(site: Reviewed) -> None:
    (held, _) = site.reports.report(BATCH).parameters

    for each in held.ranges:
        assert each.inside_ns + each.above_ns + each.below_ns + each.unproven_ns == held.whole_ns


def test_a_parameter_without_samples_is_not_in_range(site: Reviewed) -> None:
    held = site.reports.report(BATCH).parameters[1]

    assert (held.tag, held.sentence) == ("R101.PT", "Nothing observed of 14,400 s: nothing is proven.")


def test_what_no_gap_explains_is_not_put_down_to_one(site: Reviewed) -> None:
    known, silent = site.reports.report(BATCH).parameters

    assert [each.why for each in known.hidden] == ["gap: disconnect"]
    assert [each.why for each in silent.hidden] == ["gap: disconnect, Bad quality, or no sample"]


def test_the_same_position_and_deed_give_the_same_bytes_whatever_came_later(site: Reviewed) -> None:
    """Electronic records 11: a replay gives the identical output."""
    before = site.reports.report(BATCH)
    file = report_file(site.reports, before, "json")
    site.rows(12, (7010, 70.0))
    site.said(13, excursion(2, message="It was judged again when rows came late."), transitions=(alarm(3, "returned"),))
    site.records.dispose(disposition())

    again = site.reports.report(BATCH, before.as_of.position, before.as_of.deeds)

    assert report_file(site.reports, again, "json") == file


def test_late_data_is_seen_in_the_parts_that_it_changes(site: Reviewed) -> None:
    before = sealed(site.reports.report(BATCH)).hashes
    site.rows(12, (7010, 70.0))
    site.said(13, excursion(2))

    now = sealed(site.reports.report(BATCH)).hashes

    assert changed_parts(before, now) == ("findings", "open", "parameters")


def test_all_versions_of_an_excursion_are_told_newest_first(site: Reviewed) -> None:
    site.said(11, excursion(2), excursion(3))

    (finding,) = site.reports.report(BATCH).findings

    assert [each.version for each in finding.said] == [3, 2, 1]


def test_a_disposition_settles_the_version_that_the_person_saw(site: Reviewed) -> None:
    assert "no disposition" in kinds(site)
    site.records.dispose(disposition())
    assert "no disposition" not in kinds(site)

    site.said(11, excursion(2))

    assert "changed since its disposition" in kinds(site)


def test_a_disposition_never_closes_the_excursion(site: Reviewed) -> None:
    site.said(11, excursion(2, stage="open", end_ns=None))
    site.records.dispose(disposition(2))

    assert "not over" in kinds(site)


def test_a_disposition_has_its_entry_in_the_audit_trail(site: Reviewed) -> None:
    """Electronic records 1: who and role, what, when, why."""
    site.records.dispose(disposition())
    site.records.dispose(disposition())

    (entry,) = [each for each in site.reports.report(BATCH).audit if each.kind == "disposition"]

    assert (entry.person, entry.comment) == ("Ada", "jacket valve stuck")
    assert "DEV-2026-0042" in entry.what


def test_nobody_changes_a_disposition_in_the_database(site: Reviewed, tmp_path: Path) -> None:
    """Electronic records 2: nobody can switch off or edit the trail."""
    site.records.dispose(disposition())
    with sqlite3.connect(tmp_path / "records.db") as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE dispositions SET comment = ''")
    connection.close()


def test_an_unobserved_time_needs_a_disposition_and_another_time_a_new_one(site: Reviewed) -> None:
    (item,) = [each for each in items_of(site.reports.report(BATCH)) if each.endswith("R101.TT") and "unobs" in each]

    site.records.dispose(disposition(12_000_000_000, item, "d2"))

    points = open_points(site.reports.report(BATCH))
    assert item not in [each.item for each in points]


def signing(site: Reviewed) -> Signing:
    return Signing(site.records, lambda person, *_: person.name, lambda: 5)


def test_who_acted_on_the_batch_cannot_review_it(site: Reviewed) -> None:
    """Electronic records 3: reviewer ≠ actor."""
    report = site.reports.report(BATCH)
    told = signed_content(report, sealed(report))

    with pytest.raises(Refused, match="another person"):
        signing(site).sign("batch", BATCH, told, Meaning.REVIEWED, Person("ada", "QA"), "", "ok", actors_of(report))


def test_changed_content_shows_as_unsigned_and_says_what_changed(site: Reviewed) -> None:
    """Electronic records 4: bound to the content's hash; changed content shows as unsigned."""
    report = site.reports.report(BATCH)
    told = signed_content(report, sealed(report))
    signing(site).sign("batch", BATCH, told, Meaning.REVIEWED, Person("Grace", "QA"), "", "ok", actors_of(report))
    after = site.reports.report(BATCH)
    assert [each.stands for each in site.reports.signatures(after, sealed(after))] == [True]

    site.said(11, excursion(2))

    now = site.reports.report(BATCH)
    (signature,) = site.reports.signatures(now, sealed(now))
    assert f"findings.{EXCURSION}: 1 → 2" in signature.changes
    assert shown([signature.signature], told)[0].stands


def test_a_report_as_of_before_a_signature_does_not_know_it(site: Reviewed) -> None:
    report = site.reports.report(BATCH)
    told = signed_content(report, sealed(report))
    signing(site).sign("batch", BATCH, told, Meaning.REVIEWED, Person("Grace", "QA"), "", "ok")

    assert site.reports.signatures(report, sealed(report)) == []


@pytest.mark.parametrize(("position", "deeds"), [(99, None), (None, 99)])
def test_what_is_not_known_yet_is_refused(site: Reviewed, position: int | None, deeds: int | None) -> None:
    with pytest.raises(Refused, match="beyond"):
        site.reports.report(BATCH, position, deeds)


def test_an_unknown_batch_is_refused(site: Reviewed) -> None:
    with pytest.raises(Refused, match="nothing is known"):
        site.reports.report("B-99")


def test_a_changed_byte_of_a_report_names_its_part(site: Reviewed) -> None:
    file = report_file(site.reports, site.reports.report(BATCH), "json")

    assert checked(file).faults == ()
    assert checked(file.replace(b"at most 67 degC", b"at most 66 degC", 1)).faults == (
        "part findings is not as it was hashed",
    )


def test_no_name_and_no_comment_becomes_markup(site: Reviewed) -> None:
    site.records.dispose(disposition(id_="d3", person="<script>alert(1)</script>"))
    report = site.reports.report(BATCH)

    page = printed(report, sealed(report), site.reports.pictures(report)).decode()

    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_page_says_that_it_is_not_the_batch_record_and_has_a_picture(site: Reviewed) -> None:
    report = site.reports.report(BATCH)

    page = printed(report, sealed(report), site.reports.pictures(report)).decode()

    assert "it is not the batch record" in page
    assert page.count("<svg") == 2


def streams(pdf: bytes) -> list[bytes]:
    found = []
    for part in pdf.split(b"stream\n")[1:]:
        with contextlib.suppress(zlib.error):
            found.append(zlib.decompressobj().decompress(part))
        found.append(part)
    return found


def test_the_pdf_is_pdf_a_and_the_same_for_the_same_content() -> None:
    probe = subprocess.run([sys.executable, "-c", "import weasyprint"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("pango is not installed: apt-get install libpango-1.0-0 libpangoft2-1.0-0")
    page = b"<!doctype html><html lang=en><title>B-17</title><p>14,388 of 14,400 s observed</html>"  # whole ones take seconds

    made = [pdf_of(page, "0123abcd") for _ in range(2)]

    assert made[0] == made[1]
    assert made[0].startswith(b"%PDF")
    assert any(b"pdfaid:part" in each for each in streams(made[0]))


def test_a_page_that_is_too_large_becomes_no_pdf() -> None:
    with pytest.raises(Refused, match="bytes of HTML"):
        pdf_of(b" " * 16_000_001, "x")


def test_a_thousand_alarms_are_all_told(site: Reviewed) -> None:
    many = [alarm(1, alarm_id=f"R101.TT~{number}") for number in range(1_000)]
    site.said(11, transitions=tuple(many))

    report = site.reports.report(BATCH)

    assert len(report.alarms) == 1_001
    assert len(json.loads(report_file(site.reports, report, "json"))["parts"]["alarms"]["content"]["alarms"]) == 1_001
    assert printed(report, sealed(report), ()).count(b"not acknowledged") >= 1_000
