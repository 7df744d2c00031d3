"""A scenario file with mistakes is told all of them at once, each once, at its line; a good one loads."""

from datetime import datetime
from pathlib import Path
from textwrap import dedent
from zoneinfo import ZoneInfo

import pytest

from ocs.files import FileError
from ocs.inventory.identifiers import luhn_digit
from ocs.units import HOUR, utc
from scenarios.issue import issue, without_consumers
from scenarios.loading import library, load

FILES = Path(__file__).parent / "files"

MANY_MISTAKES = [
    (3, "duration", "a duration such as '28 days'"),
    (4, "colour", "unknown field"),
    (11, "provisioning.plans.1.prepaid_individual.free_quota.volume", "a volume such as '50 MB'"),
    (16, "provisioning.profiles.0.splits.0.payer", "unknown account 'acmee'"),
    (17, "provisioning.profiles.0.splits.1.plan", "'tele' is a postpaid plan"),
    (18, "provisioning.profiles.1", "splits 'wifi' and 'wifi2' both hold the catch-all of APN 'b'"),
    (28, "fleet.0.name", "should match pattern"),
    (29, "fleet.1.vehicles", "greater than or equal to 1"),
    (32, "fleet.2.account", "unknown account 'nobody'"),
    (34, "fleet.2.plans.wifi", "a b2c split takes a prepaid plan"),
    (34, "fleet.2.plans.wofi", "profile 'three' has no split 'wofi'"),
    (36, "fleet.3.name", "'c' is used twice"),
    (36, "fleet.3.profile", "unknown profile 'nine'"),
    (37, "fleet.4.drivers.bundle", "unknown bundle '9gb'; on sale: 1gb"),
    (40, "timeline.0.at", "02:30 does not exist on 2026-03-29 in Europe/Berlin"),
    (41, "timeline.1.day", "expected a day from 1 to 366"),
    (42, "timeline.2.suspend.at", "expected a time of day such as '08:30'"),
    (43, "timeline.3.vehicle", "unknown vehicle 'c-009'"),
    (45, "timeline.5", "'top_up', 'suspend', 'resume'"),
    (47, "expect.0", "'no_octet_after_the_last'"),
    (48, "expect.1.wifi_returns_after_top_up.reauthorised_within", "a duration such as '28 days'"),
]


def test_every_mistake_is_told_once_with_its_line_and_field() -> None:
    with pytest.raises(FileError) as refused:
        load(FILES / "many_mistakes.yaml")
    told = refused.value.mistakes
    assert [(mistake.line, mistake.field) for mistake in told] == [(line, field) for line, field, _ in MANY_MISTAKES]
    for mistake, (_, _, words) in zip(told, MANY_MISTAKES, strict=True):
        assert words in mistake.message
    assert all(mistake.file.endswith("many_mistakes.yaml") for mistake in told)


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("duration: 3 days", "duration: 3600"), 3, "multiple of 86400"),
        (("duration: 3 days", "duration: 0 days"), 3, "greater than 0"),
        (("start: 2026-03-01", "start: soon"), 2, "valid date"),
        (("include: parts.yaml", "include: missing.yaml"), None, "cannot be read"),
        (("include: parts.yaml", "include: [parts.yaml]"), 4, "the name of a file"),
        (("include: parts.yaml", "seed: 4"), 1, "expected either provisioning: or include: FILE"),
        (("expect: [octets_add_up]", "expect: []"), 6, "at least one item"),
        (("vehicles: 2", "vehicles: 2, drivers: {top_up_probability: 0.5}"), 5, "need a bundle"),
        (("profile: car", "profile: plain, traffic: {wifi: 1 GB}"), 5, "nobody would pay for Wi-Fi"),
        (("profile: car", "profile: car, traffic: {wifi: -1}"), 5, "a volume such as"),
    ],
)
def test_a_wrong_field_is_told_at_its_line(
    tmp_path: Path, change: tuple[str, str], line: int | None, words: str
) -> None:
    path = _write(tmp_path, change)
    with pytest.raises(FileError) as refused:
        load(path)
    (mistake,) = refused.value.mistakes
    assert (mistake.line, words in mistake.message) == (line, True), str(mistake)


def test_a_mistake_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    path = _write(tmp_path, ("", ""))
    parts = tmp_path / "parts.yaml"
    parts.write_text(parts.read_text().replace("payer: acme", "payer: nobody", 1))
    with pytest.raises(FileError) as refused:
        load(path)
    (mistake,) = refused.value.mistakes
    assert (mistake.file, mistake.field) == (str(parts), "profiles.0.splits.0.payer")


def test_text_that_is_not_a_scenario_is_told(tmp_path: Path) -> None:
    for text, words in (("- a list", "expected a scenario"), ("a: [", "not valid YAML"), ("", "expected a scenario")):
        path = tmp_path / "wrong.yaml"
        path.write_text(text)
        with pytest.raises(FileError, match=words):
            load(path)


def test_identities_are_issued_in_order_and_keep_clear_of_included_sims(tmp_path: Path) -> None:
    scenario = load(_write(tmp_path, ("", "")))
    provisioning, sims = issue(scenario)
    assert list(provisioning.problems()) == []
    assert [(vehicle, sim.imsi) for vehicle, sim in sims.items()] == [
        ("own-001", "001010000000002"),
        ("own-002", "001010000000003"),
    ]
    assert all(sim.iccid[-1] == luhn_digit(sim.iccid[:-1]) for sim in sims.values())
    assert sims["own-002"].payers == {"wifi": "own-002-driver"}
    assert len(provisioning.sims) == 3


def test_without_consumers_only_enterprise_splits_are_left(tmp_path: Path) -> None:
    provisioning, sims = issue(load(_write(tmp_path, ("", ""))))
    twin = without_consumers(provisioning)
    assert list(twin.problems()) == []
    assert {split.party for profile in twin.profiles for split in profile.splits} == {"b2b"}
    assert [sim.imsi for sim in twin.sims] == [sim.imsi for sim in provisioning.sims]
    assert all(not sim.payers for sim in twin.sims)
    assert len(sims) == 2


def test_a_month_with_the_night_that_clocks_change_is_an_hour_short() -> None:
    scenario = load(library()["b2c_exhaustion"])
    assert utc(scenario.begins).astimezone(ZoneInfo("Europe/Berlin")) == datetime(
        2026, 3, 1, tzinfo=ZoneInfo("Europe/Berlin")
    )
    assert utc(scenario.ends).astimezone(ZoneInfo("Europe/Berlin")) == datetime(
        2026, 4, 1, tzinfo=ZoneInfo("Europe/Berlin")
    )
    assert scenario.ends - scenario.begins == (31 * 24 - 1) * HOUR


def _write(folder: Path, change: tuple[str, str]) -> Path:
    parts = """\
        accounts: [{id: acme, kind: company}, {id: d0, kind: customer}]
        plans:
          - {id: tele, kind: postpaid_individual, included: 50 MB, recurring: 1.2,
             overage: {price: 0.02, per: 1 MB, block: 1 kB}}
          - {id: wifi, kind: prepaid_individual, bundles: [{id: 1gb, volume: 1 GB, valid: 28 days, price: 7}]}
        profiles:
          - id: car
            splits:
              - {id: fleet, party: b2b, payer: acme, apn: fleet, plan: tele}
              - {id: wifi, party: b2c, apn: wifi, plan: wifi}
          - {id: plain, splits: [{id: fleet, party: b2b, payer: acme, apn: fleet, plan: tele}]}
        sims:
          - {imsi: "001010000000001", iccid: "8999990100000000013", account: acme, profile: car, payers: {wifi: d0}}
        """
    (folder / "parts.yaml").write_text(dedent(parts))
    scenario = """\
        title: Small
        start: 2026-03-01
        duration: 3 days
        include: parts.yaml
        fleet: [{name: own, vehicles: 2, account: acme, profile: car}]
        expect: [octets_add_up]
        """
    path = folder / "small.yaml"
    path.write_text(dedent(scenario).replace(*change))
    return path
