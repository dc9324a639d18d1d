"""The codes of a reward: what is left, adding the merchant's own, taking them out; and which pools run low."""

import csv
import io
from collections.abc import Iterable, Sequence

from flask import Response
from sqlalchemy import text

from backend.admin.door import Answer, Visit, form, page
from backend.errors import BadInput
from backend.loyalty.coupons import coupons, stock_health
from backend.loyalty.coupons.coupons import LOW_STOCK
from backend.loyalty.rewards import rewards
from backend.loyalty.rewards.reward_definition import MAX_UPLOADED
from backend.spreadsheets import harmless
from backend.staff.rights import Right

LARGEST_UPLOAD = 8 * 1024 * 1024
SAMPLE_SIZE = 50
"""So many refused codes are shown."""


def typed_codes(visit: Visit, name: str) -> list[str]:
    """The codes of the field and of the file `<name>_file` after it, by lines. Raises BadInput for a file that is no text
    or no CSV, and for too many codes."""
    codes = visit.form.get(name, "").splitlines()
    file = visit.file(f"{name}_file")
    if file is not None:
        file.stream.seek(0)  # a form that is shown again reads it twice
        codes += _read(file.stream.read(), name)
    if len(codes) > MAX_UPLOADED:
        raise _wrong(name, f"are {len(codes):,}; at most {MAX_UPLOADED:,} can come at once")
    return codes


@page("/reward-campaigns/stock", right=Right.REWARDS)
def reward_stock(visit: Visit) -> str:
    """Rewards that members can have and whose codes run out."""
    found = stock_health.to_look_at(visit.session, visit.shop_id, visit.now)
    return visit.render("reward_stock.html", found=found, pace=stock_health.PACE_DAYS, low=LOW_STOCK)


@page("/reward-campaigns/<reward_id:reward>/codes", right=Right.REWARDS)
def reward_codes(visit: Visit, reward: int) -> str:
    return _render(visit, reward)


@form("/reward-campaigns/<reward_id:reward>/codes", right=Right.REWARDS, again=reward_codes, largest=LARGEST_UPLOAD)
def add_reward_codes(visit: Visit, reward: int) -> Answer:
    """Say what would become of the codes (`check`), or add them; codes that are refused are told, the others are added."""
    codes = typed_codes(visit, "codes")
    if not any(each.strip() for each in codes):
        raise _wrong("codes", "are missing: paste some, one a line, or choose a file")
    if visit.form.get("do") == "check":
        report = coupons.would_be_added(visit.session, visit.shop_id, codes)
        return _render(visit, reward, report, "\n".join(codes), is_checked=True)
    report = rewards.add_codes(visit.session, visit.shop_id, reward, codes, visit.now)
    if not report.refused:
        said = "1 code was added." if report.added == 1 else f"{report.added:,} codes were added."
        return visit.done(said, "reward_codes", reward=reward)
    return _render(visit, reward, report)


@page("/reward-campaigns/<reward_id:reward>/codes.csv", right=Right.EXPORT)
def download_reward_codes(visit: Visit, reward: int) -> Response:
    """Every code of the reward with what has become of it; not the receipts of store credit, which nobody has."""
    found = rewards.find(visit.session, visit.shop_id, reward)
    rows = visit.session.execute(
        text(
            "select c.code, case when f.coupon_id is not null then 'free' when d.use_state = 'used' then 'used'"
            " when c.state in ('disabling', 'disabled') then c.state"
            " when d.id is not null then 'issued' else c.state end as state, c.created_at"
            " from coupon c left join coupon_free f"
            " on f.shop_id = c.shop_id and f.reward_id = c.reward_id and f.coupon_id = c.id"
            " left join redemption d on d.shop_id = c.shop_id and upper(d.code) = upper(c.code)"
            " where c.shop_id = :shop and c.reward_id = :reward and c.worth ->> 'kind' is distinct from :receipt"
            " order by c.id"
        ),
        {"shop": visit.shop_id, "reward": reward, "receipt": coupons.STORE_CREDIT},
    )
    body = _csv(("code", "state", "created_at"), ((r.code, r.state, r.created_at.isoformat()) for r in rows))
    answer = Response(body, mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="codes-{found.public_id}.csv"'
    return answer


def _render(
    visit: Visit,
    reward: int,
    report: coupons.UploadReport | None = None,
    codes: str = "",
    *,
    is_checked: bool = False,
) -> str:
    found = rewards.find(visit.session, visit.shop_id, reward)
    return visit.render(
        "reward_codes.html",
        reward=found,
        stock=stock_health.of(visit.session, visit.shop_id, reward, found.coupon_source, visit.now),
        report=report,
        codes=codes,
        is_checked=is_checked,
        sample=SAMPLE_SIZE,
        pace=stock_health.PACE_DAYS,
        most=stock_health.MOST_COUNTED,
    )


def _read(content: bytes, name: str) -> list[str]:
    try:
        return coupons.read_csv(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise _wrong(name, "are in a file that is no text in UTF-8") from None
    except csv.Error as error:
        raise _wrong(name, f"are in a file that is no CSV: {error}") from None


def _wrong(name: str, message: str) -> BadInput:
    return BadInput(f"The codes {message}.", [{"field": name, "message": message}])


def _csv(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """As a file for a spreadsheet, which must not take a code for a formula."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(heading)
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
    return written.getvalue()
