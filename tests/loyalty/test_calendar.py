"""The shop's calendar. The expected instants were taken from zdump and GNU date, not from the code under test."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import BadInput
from backend.loyalty.calendar_rules import REMINDER_DAYS, due_at, expires_at, first_instant, local_day, timezone
from backend.loyalty.program.settings import AfterDays, FixedDay, Never

END_OF_YEAR = FixedDay(kind="fixed_day", month=12, day=31)
LEAP_DAY = FixedDay(kind="fixed_day", month=2, day=29)

# zone, where 2024-12-04 begins, where 2025-07-01 begins, where 2026 begins; all past, so that no new law moves them
ZONES = """
UTC                            2024-12-04T00:00Z 2025-07-01T00:00Z 2026-01-01T00:00Z
Europe/London                  2024-12-04T00:00Z 2025-06-30T23:00Z 2026-01-01T00:00Z
Europe/Lisbon                  2024-12-04T00:00Z 2025-06-30T23:00Z 2026-01-01T00:00Z
Europe/Paris                   2024-12-03T23:00Z 2025-06-30T22:00Z 2025-12-31T23:00Z
Europe/Berlin                  2024-12-03T23:00Z 2025-06-30T22:00Z 2025-12-31T23:00Z
Europe/Warsaw                  2024-12-03T23:00Z 2025-06-30T22:00Z 2025-12-31T23:00Z
Europe/Athens                  2024-12-03T22:00Z 2025-06-30T21:00Z 2025-12-31T22:00Z
Europe/Helsinki                2024-12-03T22:00Z 2025-06-30T21:00Z 2025-12-31T22:00Z
Europe/Istanbul                2024-12-03T21:00Z 2025-06-30T21:00Z 2025-12-31T21:00Z
Europe/Moscow                  2024-12-03T21:00Z 2025-06-30T21:00Z 2025-12-31T21:00Z
Africa/Lagos                   2024-12-03T23:00Z 2025-06-30T23:00Z 2025-12-31T23:00Z
Africa/Cairo                   2024-12-03T22:00Z 2025-06-30T21:00Z 2025-12-31T22:00Z
Africa/Johannesburg            2024-12-03T22:00Z 2025-06-30T22:00Z 2025-12-31T22:00Z
Africa/Nairobi                 2024-12-03T21:00Z 2025-06-30T21:00Z 2025-12-31T21:00Z
Asia/Beirut                    2024-12-03T22:00Z 2025-06-30T21:00Z 2025-12-31T22:00Z
Asia/Jerusalem                 2024-12-03T22:00Z 2025-06-30T21:00Z 2025-12-31T22:00Z
Asia/Riyadh                    2024-12-03T21:00Z 2025-06-30T21:00Z 2025-12-31T21:00Z
Asia/Dubai                     2024-12-03T20:00Z 2025-06-30T20:00Z 2025-12-31T20:00Z
Asia/Tehran                    2024-12-03T20:30Z 2025-06-30T20:30Z 2025-12-31T20:30Z
Asia/Kabul                     2024-12-03T19:30Z 2025-06-30T19:30Z 2025-12-31T19:30Z
Asia/Karachi                   2024-12-03T19:00Z 2025-06-30T19:00Z 2025-12-31T19:00Z
Asia/Kolkata                   2024-12-03T18:30Z 2025-06-30T18:30Z 2025-12-31T18:30Z
Asia/Kathmandu                 2024-12-03T18:15Z 2025-06-30T18:15Z 2025-12-31T18:15Z
Asia/Dhaka                     2024-12-03T18:00Z 2025-06-30T18:00Z 2025-12-31T18:00Z
Asia/Yangon                    2024-12-03T17:30Z 2025-06-30T17:30Z 2025-12-31T17:30Z
Asia/Bangkok                   2024-12-03T17:00Z 2025-06-30T17:00Z 2025-12-31T17:00Z
Asia/Taipei                    2024-12-03T16:00Z 2025-06-30T16:00Z 2025-12-31T16:00Z
Asia/Hong_Kong                 2024-12-03T16:00Z 2025-06-30T16:00Z 2025-12-31T16:00Z
Asia/Singapore                 2024-12-03T16:00Z 2025-06-30T16:00Z 2025-12-31T16:00Z
Asia/Tokyo                     2024-12-03T15:00Z 2025-06-30T15:00Z 2025-12-31T15:00Z
Asia/Seoul                     2024-12-03T15:00Z 2025-06-30T15:00Z 2025-12-31T15:00Z
Australia/Perth                2024-12-03T16:00Z 2025-06-30T16:00Z 2025-12-31T16:00Z
Australia/Eucla                2024-12-03T15:15Z 2025-06-30T15:15Z 2025-12-31T15:15Z
Australia/Adelaide             2024-12-03T13:30Z 2025-06-30T14:30Z 2025-12-31T13:30Z
Australia/Sydney               2024-12-03T13:00Z 2025-06-30T14:00Z 2025-12-31T13:00Z
Australia/Lord_Howe            2024-12-03T13:00Z 2025-06-30T13:30Z 2025-12-31T13:00Z
Pacific/Auckland               2024-12-03T11:00Z 2025-06-30T12:00Z 2025-12-31T11:00Z
Pacific/Chatham                2024-12-03T10:15Z 2025-06-30T11:15Z 2025-12-31T10:15Z
Pacific/Apia                   2024-12-03T11:00Z 2025-06-30T11:00Z 2025-12-31T11:00Z
Pacific/Kiritimati             2024-12-03T10:00Z 2025-06-30T10:00Z 2025-12-31T10:00Z
Pacific/Pago_Pago              2024-12-04T11:00Z 2025-07-01T11:00Z 2026-01-01T11:00Z
Pacific/Honolulu               2024-12-04T10:00Z 2025-07-01T10:00Z 2026-01-01T10:00Z
Pacific/Marquesas              2024-12-04T09:30Z 2025-07-01T09:30Z 2026-01-01T09:30Z
America/Anchorage              2024-12-04T09:00Z 2025-07-01T08:00Z 2026-01-01T09:00Z
America/Los_Angeles            2024-12-04T08:00Z 2025-07-01T07:00Z 2026-01-01T08:00Z
America/Denver                 2024-12-04T07:00Z 2025-07-01T06:00Z 2026-01-01T07:00Z
America/Phoenix                2024-12-04T07:00Z 2025-07-01T07:00Z 2026-01-01T07:00Z
America/Chicago                2024-12-04T06:00Z 2025-07-01T05:00Z 2026-01-01T06:00Z
America/New_York               2024-12-04T05:00Z 2025-07-01T04:00Z 2026-01-01T05:00Z
America/Halifax                2024-12-04T04:00Z 2025-07-01T03:00Z 2026-01-01T04:00Z
America/St_Johns               2024-12-04T03:30Z 2025-07-01T02:30Z 2026-01-01T03:30Z
America/Havana                 2024-12-04T05:00Z 2025-07-01T04:00Z 2026-01-01T05:00Z
America/Bogota                 2024-12-04T05:00Z 2025-07-01T05:00Z 2026-01-01T05:00Z
America/Caracas                2024-12-04T04:00Z 2025-07-01T04:00Z 2026-01-01T04:00Z
America/Santiago               2024-12-04T03:00Z 2025-07-01T04:00Z 2026-01-01T03:00Z
America/Argentina/Buenos_Aires 2024-12-04T03:00Z 2025-07-01T03:00Z 2026-01-01T03:00Z
America/Nuuk                   2024-12-04T02:00Z 2025-07-01T01:00Z 2026-01-01T02:00Z
Atlantic/Azores                2024-12-04T01:00Z 2025-07-01T00:00Z 2026-01-01T01:00Z
"""
TABLE = [tuple(line.split()) for line in ZONES.split("\n") if line]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_the_table_names_at_least_forty_zones() -> None:
    assert len({row[0] for row in TABLE}) >= 40


@pytest.mark.parametrize(("zone", "december", "july", "new_year"), TABLE)
def test_a_day_begins_at_local_midnight(zone: str, december: str, july: str, new_year: str) -> None:
    tz = ZoneInfo(zone)
    assert first_instant(date(2024, 12, 4), tz) == at(december)
    assert first_instant(date(2025, 7, 1), tz) == at(july)
    assert first_instant(date(2026, 1, 1), tz) == at(new_year)


@pytest.mark.parametrize(("zone", "december", "july", "new_year"), TABLE)
def test_collected_on_december_1_is_due_on_december_4_in_every_zone(
    zone: str, december: str, july: str, new_year: str
) -> None:
    tz = ZoneInfo(zone)
    first_second_of_december_1 = at(december) - timedelta(days=3)  # no zone of the table changes its clock then
    last_second_of_december_1 = first_second_of_december_1 + timedelta(hours=23, minutes=59, seconds=59)
    assert due_at(first_second_of_december_1, 3, tz) == at(december)
    assert due_at(last_second_of_december_1, 3, tz) == at(december)
    assert due_at(last_second_of_december_1 + timedelta(seconds=1), 3, tz) == at(december) + timedelta(days=1)


@pytest.mark.parametrize(("zone", "december", "july", "new_year"), TABLE)
def test_points_of_2024_end_with_2025_in_every_zone(zone: str, december: str, july: str, new_year: str) -> None:
    assert expires_at(at(december), END_OF_YEAR, ZoneInfo(zone)) == at(new_year)


def test_instants_are_in_utc() -> None:
    for instant in (
        first_instant(date(2026, 12, 4), ZoneInfo("Asia/Tokyo")),
        due_at(at("2026-12-01T10:00:00+09:00"), 3, ZoneInfo("Asia/Tokyo")),
        expires_at(at("2026-12-01T10:00:00+09:00"), END_OF_YEAR, ZoneInfo("Asia/Tokyo")),
    ):
        assert instant is not None
        assert instant.tzinfo is UTC


# The documents' own examples


def test_s3_5_ordered_11_29_collected_12_1_three_days_is_assigned_12_4() -> None:
    collected_at = at("2019-12-01T15:30:00+08:00")
    assert due_at(collected_at, 3, ZoneInfo("Asia/Taipei")) == at("2019-12-03T16:00Z")  # 2019-12-04 00:00 in Taipei


def test_s3_4_earned_2019_12_4_with_12_31_is_valid_to_the_end_of_2020_12_31() -> None:
    gone = expires_at(at("2019-12-03T16:00Z"), END_OF_YEAR, ZoneInfo("Asia/Taipei"))
    assert gone == at("2020-12-31T16:00Z")  # 2021-01-01 00:00 in Taipei


# Midnights that do not exist


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00Z"),
        ("Africa/Cairo", "2025-04-25", "2025-04-24T22:00Z"),
        ("Asia/Beirut", "2024-03-31", "2024-03-30T22:00Z"),
        ("America/Havana", "2024-03-10", "2024-03-10T05:00Z"),
        ("America/Santiago", "2024-09-08", "2024-09-08T04:00Z"),
        ("America/Asuncion", "2024-10-06", "2024-10-06T04:00Z"),
        ("America/Coyhaique", "2024-09-08", "2024-09-08T04:00Z"),
        ("Atlantic/Azores", "2024-03-31", "2024-03-31T01:00Z"),
        ("America/Sao_Paulo", "2010-10-17", "2010-10-17T03:00Z"),
        ("Asia/Tehran", "2010-03-22", "2010-03-21T20:30Z"),
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30Z"),  # the gap began at 23:30 of the day before
    ],
)
def test_a_day_without_midnight_begins_where_the_gap_ends(zone: str, day: str, begins: str) -> None:
    assert first_instant(date.fromisoformat(day), ZoneInfo(zone)) == at(begins)


def test_points_fall_due_on_a_day_without_midnight() -> None:
    cairo = ZoneInfo("Africa/Cairo")
    assert due_at(at("2026-04-21T12:00:00+02:00"), 3, cairo) == at("2026-04-23T22:00Z")


def test_points_end_where_a_day_without_midnight_begins() -> None:
    cairo = ZoneInfo("Africa/Cairo")
    on_the_day_before = FixedDay(kind="fixed_day", month=4, day=23)
    assert expires_at(at("2025-06-01T10:00Z"), on_the_day_before, cairo) == at("2026-04-23T22:00Z")
    assert expires_at(at("2026-04-13T10:00Z"), AfterDays(kind="days", days=10), cairo) == at("2026-04-23T22:00Z")


@pytest.mark.parametrize(
    ("zone", "skipped", "next_begins"),
    [
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00Z"),
        ("Pacific/Kwajalein", date(1993, 8, 21), "1993-08-21T12:00Z"),
    ],
)
def test_a_day_that_the_zone_skipped_begins_and_ends_where_the_next_begins(
    zone: str, skipped: date, next_begins: str
) -> None:
    tz = ZoneInfo(zone)
    assert first_instant(skipped, tz) == at(next_begins)
    assert first_instant(skipped + timedelta(days=1), tz) == at(next_begins)


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("America/Havana", "2024-11-03", "2024-11-03T04:00Z"),  # 00:00 to 00:59:59 comes twice
        ("Atlantic/Azores", "2024-10-27", "2024-10-27T00:00Z"),
        ("America/St_Johns", "2007-11-04", "2007-11-04T02:30Z"),  # a minute later it is the day before again
        ("America/Nuuk", "2024-10-27", "2024-10-27T02:00Z"),  # the hour before midnight comes twice
        ("Africa/Cairo", "2024-11-01", "2024-10-31T22:00Z"),
        ("America/Nuuk", "2024-03-31", "2024-03-31T01:00Z"),  # the hour before midnight is missing
    ],
)
def test_a_midnight_at_the_change_of_the_clock_counts_the_first_time(zone: str, day: str, begins: str) -> None:
    assert first_instant(date.fromisoformat(day), ZoneInfo(zone)) == at(begins)


# Days of 23 and 25 hours


@pytest.mark.parametrize(
    ("zone", "anchor", "days", "due"),
    [
        ("America/New_York", "2026-03-07T23:30:00-05:00", 1, "2026-03-08T05:00Z"),
        ("America/New_York", "2026-03-07T23:30:00-05:00", 2, "2026-03-09T04:00Z"),  # after a day of 23 hours
        ("America/New_York", "2026-10-31T23:30:00-04:00", 2, "2026-11-02T05:00Z"),  # after a day of 25 hours
        ("America/New_York", "2026-11-01T01:30:00-04:00", 1, "2026-11-02T05:00Z"),  # the first 01:30
        ("America/New_York", "2026-11-01T01:30:00-05:00", 1, "2026-11-02T05:00Z"),  # the second 01:30
        ("Europe/Paris", "2026-03-28T12:00:00+01:00", 2, "2026-03-29T22:00Z"),
        ("Europe/Paris", "2026-10-24T12:00:00+02:00", 2, "2026-10-25T23:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T12:00:00+10:30", 2, "2026-10-04T13:00Z"),  # half an hour
        ("Pacific/Apia", "2011-12-29T12:00:00-10:00", 2, "2011-12-30T10:00Z"),  # the 31st follows the 29th
        ("Europe/Paris", "2024-02-28T12:00:00+01:00", 1, "2024-02-28T23:00Z"),  # 29 February
        ("Europe/Paris", "2023-02-28T12:00:00+01:00", 1, "2023-02-28T23:00Z"),  # 1 March
    ],
)
def test_days_are_counted_on_the_shop_s_calendar(zone: str, anchor: str, days: int, due: str) -> None:
    assert due_at(at(anchor), days, ZoneInfo(zone)) == at(due)


def test_without_a_delay_points_are_due_on_the_day_itself_which_has_begun() -> None:
    collected_at = at("2026-12-01T15:00:00+01:00")
    assert due_at(collected_at, 0, ZoneInfo("Europe/Paris")) == at("2026-11-30T23:00Z")
    assert due_at(collected_at, 0, ZoneInfo("Europe/Paris")) <= collected_at


def test_the_offset_in_which_a_time_is_told_does_not_matter() -> None:
    paris = ZoneInfo("Europe/Paris")
    assert due_at(at("2026-12-01T23:30:00Z"), 3, paris) == at("2026-12-04T23:00Z")  # it is 12/2 in Paris already
    told_in_new_york = datetime.fromisoformat("2026-12-01T18:30:00-05:00")
    assert due_at(told_in_new_york, 3, paris) == at("2026-12-04T23:00Z")


# The year of earning is the shop's


@pytest.mark.parametrize(
    ("zone", "earned", "gone"),
    [
        ("America/New_York", "2023-01-01T03:00Z", "2024-01-01T05:00Z"),  # still 2022 in New York
        ("America/New_York", "2023-01-01T04:59:59Z", "2024-01-01T05:00Z"),
        ("America/New_York", "2023-01-01T05:00:00Z", "2025-01-01T05:00Z"),
        ("UTC", "2023-01-01T03:00Z", "2025-01-01T00:00Z"),
        ("Pacific/Auckland", "2022-12-31T10:59:59Z", "2023-12-31T11:00Z"),  # 23:59:59 of 31 December 2022
        ("Pacific/Auckland", "2022-12-31T11:00:00Z", "2024-12-31T11:00Z"),
        ("Pacific/Kiritimati", "2022-12-31T09:59:59Z", "2023-12-31T10:00Z"),
        ("Pacific/Pago_Pago", "2023-01-01T10:59:59Z", "2024-01-01T11:00Z"),
        ("Pacific/Pago_Pago", "2023-01-01T11:00:00Z", "2025-01-01T11:00Z"),
    ],
)
def test_a_fixed_day_lies_in_the_year_after_the_local_year_of_earning(zone: str, earned: str, gone: str) -> None:
    assert expires_at(at(earned), END_OF_YEAR, ZoneInfo(zone)) == at(gone)


def test_a_fixed_day_is_next_year_even_if_this_year_s_is_still_to_come_or_just_over() -> None:
    first_of_july = FixedDay(kind="fixed_day", month=7, day=1)
    for earned in ("2026-01-01T00:00Z", "2026-06-30T00:00Z", "2026-07-01T00:00Z", "2026-12-31T23:59Z"):
        assert expires_at(at(earned), first_of_july, ZoneInfo("UTC")) == at("2027-07-02T00:00Z")


@pytest.mark.parametrize(
    ("earned", "gone"),
    [
        ("2026-05-01T12:00Z", "2027-03-01T00:00Z"),  # 28 February 2027
        ("2027-05-01T12:00Z", "2028-03-01T00:00Z"),  # 29 February 2028
        ("2028-02-29T12:00Z", "2029-03-01T00:00Z"),
        ("2099-05-01T12:00Z", "2100-03-01T00:00Z"),  # 2100 is no leap year
    ],
)
def test_29_february_is_the_28th_in_a_year_without_it(earned: str, gone: str) -> None:
    assert expires_at(at(earned), LEAP_DAY, ZoneInfo("UTC")) == at(gone)


@pytest.mark.parametrize(
    ("zone", "earned", "days", "gone"),
    [
        ("UTC", "2026-12-04T00:00Z", 1, "2026-12-06T00:00Z"),  # all of 12/5
        ("UTC", "2026-12-04T23:59:59Z", 1, "2026-12-06T00:00Z"),
        ("UTC", "2027-03-01T12:00Z", 365, "2028-03-01T00:00Z"),  # 365 days are not a year here: all of 29 February
        (
            "Europe/Paris",
            "2026-03-27T23:30:00Z",
            1,
            "2026-03-29T22:00Z",
        ),  # it is the 28th in Paris; the 29th has 23 hours
        ("America/New_York", "2023-01-01T03:00Z", 10, "2023-01-11T05:00Z"),
    ],
)
def test_days_end_with_the_local_day(zone: str, earned: str, days: int, gone: str) -> None:
    assert expires_at(at(earned), AfterDays(kind="days", days=days), ZoneInfo(zone)) == at(gone)


def test_points_that_never_expire_have_no_end() -> None:
    assert expires_at(at("2026-12-04T00:00Z"), Never(), ZoneInfo("UTC")) is None


def test_the_longest_delay_and_the_longest_life_have_an_instant() -> None:
    due = due_at(at("2026-12-04T00:00Z"), 3650, ZoneInfo("UTC"))
    assert due == at("2036-12-01T00:00Z")
    assert expires_at(due, AfterDays(kind="days", days=36_500), ZoneInfo("UTC")) == at("2136-11-08T00:00Z")


def test_the_date_on_the_shop_s_wall() -> None:
    assert local_day(at("2027-01-01T03:00Z"), ZoneInfo("America/New_York")) == date(2026, 12, 31)
    assert local_day(at("2026-12-31T11:00Z"), ZoneInfo("Pacific/Auckland")) == date(2027, 1, 1)


def test_reminders_go_out_30_and_7_days_before() -> None:
    assert REMINDER_DAYS == (30, 7)


# Zone names


def test_every_zone_that_this_machine_knows_is_accepted_but_those_that_mean_the_machine_itself() -> None:
    names = available_timezones() - {"localtime", "Factory"}
    assert len(names) > 400
    assert all(timezone(name).key == name for name in names)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "America",
        "Europe/paris",
        "../etc/passwd",
        "/etc/localtime",
        "localtime",
        "Factory",
        "GMT+1",
        "+02:00",
        "Mars/Olympus",
        "(GMT-05:00) Eastern Time",
        "x" * 5000,
        "Europe/Paris\x00",
        "\ud800",
    ],
)
def test_any_other_name_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(BadInput) as refusal:
        timezone(name)
    assert "time zone" in refusal.value.detail
    assert len(refusal.value.detail) < 300
    refusal.value.detail.encode()


# What holds in every zone on every day

ALL_ZONES = sorted(available_timezones() - {"localtime", "Factory"})
INSTANTS = st.datetimes(datetime(1975, 1, 1), datetime(2090, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC))  # noqa: DTZ001


def exists(day: date, tz: ZoneInfo) -> bool:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=tz)
    return noon.astimezone(UTC).astimezone(tz).date() == day


@settings(max_examples=400, deadline=None)
@given(zone=st.sampled_from(ALL_ZONES), anchor=INSTANTS, days=st.integers(0, 800))
def test_due_at_is_the_first_instant_of_its_local_day(zone: str, anchor: datetime, days: int) -> None:
    tz = ZoneInfo(zone)
    day = local_day(anchor, tz) + timedelta(days=days)
    due = due_at(anchor, days, tz)
    if not exists(day, tz):
        day += timedelta(days=1)
    assert local_day(due, tz) == day
    assert local_day(due - timedelta(seconds=1), tz) < day


@settings(max_examples=200, deadline=None)
@given(zone=st.sampled_from(ALL_ZONES), earned=INSTANTS, month=st.integers(1, 12), day=st.integers(1, 28))
def test_a_fixed_day_is_the_last_day_of_validity(zone: str, earned: datetime, month: int, day: int) -> None:
    tz = ZoneInfo(zone)
    gone = expires_at(earned, FixedDay(kind="fixed_day", month=month, day=day), tz)
    assert gone is not None
    last_day = date(earned.astimezone(tz).year + 1, month, day)
    assert local_day(gone, tz) > last_day
    assert local_day(gone - timedelta(seconds=1), tz) <= last_day
    assert gone > earned


def test_every_midnight_of_four_years_in_the_zones_that_lose_some() -> None:
    for zone in (
        "Africa/Cairo",
        "Asia/Beirut",
        "America/Havana",
        "America/Santiago",
        "America/Asuncion",
        "Atlantic/Azores",
    ):
        tz = ZoneInfo(zone)
        day, without_midnight = date(2021, 1, 1), 0
        while day < date(2025, 1, 1):
            begins = first_instant(day, tz)
            assert local_day(begins, tz) == day
            assert local_day(begins - timedelta(seconds=1), tz) == day - timedelta(days=1)
            without_midnight += begins.astimezone(tz).hour != 0
            day += timedelta(days=1)
        assert without_midnight > 0
