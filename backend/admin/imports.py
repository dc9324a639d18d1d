"""Members, balances and codes from CSV: upload, look, try out, import, a report per row. A whole shop into a new one."""

from itertools import islice
from typing import Annotated, Any, Literal

from flask import Response, stream_with_context
from pydantic import BaseModel, Field
from sqlalchemy import text

from backend.admin.assigning import me
from backend.admin.door import Visit, form, page
from backend.errors import BadInput, Conflict, Forbidden
from backend.loyalty import calendar_rules
from backend.staff import letters
from backend.staff.rights import Right
from backend.transfer import csv_files, exports, fields, files, second_person
from backend.transfer import imports as bringing
from backend.transfer.imports import KINDS, Transfer

PREVIEWED = 8
SAMPLED = 500
"""Rows at the file's beginning that are read for the preview's count of mistakes."""
LARGEST = csv_files.MAX_BYTES + 100_000
KIND_NAMES = {"members": "Members", "balances": "Points", "codes": "Codes", "shop": "Whole shop"}
STATES = {
    "ready": ("Not begun", "calm"),
    "checking": ("Trying out", "calm"),
    "checked": ("Tried out", "calm"),
    "waiting": ("Waits for a second person", "warn"),
    "running": ("Under way", "calm"),
    "done": ("Done", "good"),
    "cancelled": ("Stopped", "warn"),
    "failed": ("Failed", "bad"),
}
SEPARATORS = ((",", "Comma"), (";", "Semicolon"), ("tab", "Tab"))


class Upload(BaseModel):
    kind: Literal["members", "balances", "codes"]
    reward_id: int | None = None


class HowToRead(BaseModel):
    separator: Literal[",", ";", "tab"]
    encoding: Literal["utf-8", "cp1252"]
    heading: bool = False
    dates: Literal["day first", "month first"] | None = None
    decimal_comma: bool = False
    tell: bool = False
    column: Annotated[list[str], Field(max_length=200)] = []


@page("/import", right=Right.EXPORT)
def imports(visit: Visit) -> str:
    return visit.render(
        "imports.html",
        transfers=bringing.newest(visit.session, visit.shop_id, (*KINDS, "shop")),
        kind_names=KIND_NAMES,
        states=STATES,
        may_assign=visit.may(Right.ASSIGN_POINTS),
        pools=_pools(visit),
        is_new_shop=_is_new(visit),
    )


@form("/import", right=Right.EXPORT, again=imports, largest=LARGEST)
def upload_import(visit: Visit) -> Response:
    wanted = visit.checked(Upload)
    file = visit.file("file")
    if file is None:
        raise BadInput("Choose a file.", [{"field": "file", "message": "Choose a file."}])
    _require_right(visit, wanted.kind)
    if wanted.kind == "codes" and not _takes_codes(visit, wanted.reward_id):
        message = "Choose the reward whose codes these are."
        raise BadInput(message, [{"field": "reward_id", "message": message}])
    file.stream.seek(0)
    made = bringing.keep(
        visit.session,
        visit.shop_id,
        wanted.kind,
        file.filename or "",
        iter(lambda: file.stream.read(files.PIECE), b""),
        visit.who.name,
        visit.wall,
        {"reward_id": wanted.reward_id} if wanted.kind == "codes" else {},
    )
    return visit.go("import_file", transfer_id=made)


@form("/import/shop", right=Right.EXPORT, again=imports, largest=bringing.MAX_SHOP_BYTES)
def upload_shop(visit: Visit) -> Response:
    file = visit.file("file")
    if file is None:
        raise BadInput("Choose a file.", [{"field": "file", "message": "Choose a file."}])
    _require_right(visit, "shop")
    if not _is_new(visit):
        raise Conflict("A whole shop can only be brought into a new one, and this one has members or rewards already.")
    file.stream.seek(0)
    exports.look_at(file.stream)
    file.stream.seek(0)
    made = bringing.keep(
        visit.session,
        visit.shop_id,
        "shop",
        file.filename or "",
        iter(lambda: file.stream.read(files.PIECE), b""),
        visit.who.name,
        visit.wall,
    )
    exports.begin_restoring(visit.session, visit.shop_id, made, visit.wall)
    return visit.go("import_file", transfer_id=made)


@page("/import/<row_id:transfer_id>", right=Right.EXPORT)
def import_file(visit: Visit, transfer_id: int) -> str:
    transfer = _find(visit, transfer_id)
    context: dict[str, Any] = {"transfer": transfer, "kind_names": KIND_NAMES, "states": STATES}
    if transfer.kind == "shop":
        return visit.render("import_shop.html", **context)
    context["refused"] = bringing.first_refused(visit.session, visit.shop_id, transfer)
    context["earlier"] = bringing.earlier_with(visit.session, visit.shop_id, transfer)
    context["may_decide"] = visit.may(Right.ASSIGN_POINTS) and transfer.staff_id != visit.who.staff_id
    context["needs_another"] = second_person.is_needed(visit.session, visit.shop_id, transfer.kind)
    if transfer.state in ("ready", "checked"):
        context |= _preview(visit, transfer)
    elif transfer.state == "waiting":
        context["waits"] = _preview(visit, transfer)
    return visit.render("import_file.html", **context)


@form("/import/<row_id:transfer_id>/columns", right=Right.EXPORT, again=import_file)
def set_columns(visit: Visit, transfer_id: int) -> Response:
    _set(visit, transfer_id)
    return visit.done("This is how the file is read now.", "import_file", transfer_id=transfer_id)


@form("/import/<row_id:transfer_id>/try", right=Right.EXPORT, again=import_file)
def try_import(visit: Visit, transfer_id: int) -> Response:
    _set(visit, transfer_id)
    bringing.begin(visit.session, visit.shop_id, transfer_id, visit.wall, trial=True, person=me(visit))
    return visit.go("import_file", transfer_id=transfer_id)


@form("/import/<row_id:transfer_id>/start", right=Right.EXPORT, again=import_file)
def start_import(visit: Visit, transfer_id: int) -> Response:
    _set(visit, transfer_id)
    if bringing.begin(visit.session, visit.shop_id, transfer_id, visit.wall, trial=False, person=me(visit)):
        return visit.go("import_file", transfer_id=transfer_id)
    letters.tell(
        visit.session,
        visit.shop_id,
        Right.ASSIGN_POINTS,
        "import_waiting",
        str(transfer_id),
        transfer_id=transfer_id,
        besides=visit.who.staff_id,
    )
    return visit.done("Somebody else has to let it in now.", "import_file", transfer_id=transfer_id)


@form("/import/<row_id:transfer_id>/approve", right=Right.EXPORT, again=import_file)
def approve_import(visit: Visit, transfer_id: int) -> Response:
    _require_right(visit, _find(visit, transfer_id).kind)
    bringing.approve(visit.session, visit.shop_id, transfer_id, me(visit), visit.wall)
    return visit.done("You have let it in.", "import_file", transfer_id=transfer_id)


@form("/import/<row_id:transfer_id>/cancel", right=Right.EXPORT, again=import_file)
def cancel_import(visit: Visit, transfer_id: int) -> Response:
    transfer = _find(visit, transfer_id)
    stop = exports.cancel if transfer.kind == "shop" else bringing.cancel
    stop(visit.session, visit.shop_id, transfer_id, visit.wall)
    return visit.done("The import is stopped.", "import_file", transfer_id=transfer_id)


@page("/import/<row_id:transfer_id>/report.csv", right=Right.EXPORT)
def import_report(visit: Visit, transfer_id: int) -> Response:
    transfer = _find(visit, transfer_id)
    answer = Response(stream_with_context(bringing.report(visit.shop_id, transfer)), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="import-{transfer.id}-report.csv"'
    return answer


def _find(visit: Visit, transfer_id: int) -> Transfer:
    found = bringing.find(visit.session, visit.shop_id, transfer_id)
    if found.kind == "export":
        raise Conflict("This is an export.")
    return found


def _set(visit: Visit, transfer_id: int) -> None:
    transfer = _find(visit, transfer_id)
    _require_right(visit, transfer.kind)
    if "separator" not in visit.form:
        return  # the page without its form, such as after a trial that is begun anew
    wanted = visit.checked(HowToRead)
    columns: dict[str, int] = {}
    known = {each.name for each in fields.FIELDS[transfer.kind]}
    for place, name in enumerate(visit.form.getlist("column")):
        if name in known and name in columns:
            raise BadInput("Two columns are mapped to the same field.")
        if name in known:
            columns[name] = place
    delimiter = "\t" if wanted.separator == "tab" else wanted.separator
    options = transfer.options
    changes: dict[str, Any] = {
        "delimiter": delimiter,
        "encoding": wanted.encoding,
        "heading": wanted.heading,
        "dates": wanted.dates or "",
        "decimal_comma": wanted.decimal_comma,
        "tell": wanted.tell,
    }
    if delimiter == options["delimiter"]:
        changes["columns"] = columns
    bringing.set_options(visit.session, visit.shop_id, transfer_id, changes)


def _preview(visit: Visit, transfer: Transfer) -> dict[str, Any]:
    options = transfer.options
    start = transfer if transfer.position == 0 else bringing.rewound(transfer)
    reading = fields.Reading(
        calendar_rules.timezone(visit.shop.timezone), options.get("dates", ""), bool(options.get("decimal_comma"))
    )
    shown: list[tuple[int, tuple[str, ...], str | None]] = []
    wrong = 0
    count = 0
    for row in islice(bringing.rows_of(visit.session, visit.shop_id, start), SAMPLED):
        if row.is_empty:
            continue
        count += 1
        problem = row.wrong
        if problem is None:
            try:
                fields.read(transfer.kind, options["columns"], row.cells, reading)
            except ValueError as error:
                problem = str(error)
        wrong += problem is not None
        if len(shown) < PREVIEWED:
            shown.append((row.line, tuple(cell[:60] for cell in row.cells), problem))
    return {
        "headings": bringing.headings(visit.session, visit.shop_id, transfer),
        "field_of": {place: name for name, place in options["columns"].items()},
        "fields": fields.FIELDS[transfer.kind],
        "rows": shown,
        "sampled": count,
        "wrong": wrong,
        "separators": SEPARATORS,
        "separator": "tab" if options["delimiter"] == "\t" else options["delimiter"],
    }


def _require_right(visit: Visit, kind: str) -> None:
    if kind in ("balances", "shop") and not visit.may(Right.ASSIGN_POINTS):
        raise Forbidden("To bring points in you need the right to assign points as well.")


def _takes_codes(visit: Visit, reward_id: int | None) -> bool:
    found = visit.session.execute(
        text("select from reward where shop_id = :shop and id = :id and coupon_source = 'uploaded'"),
        {"shop": visit.shop_id, "id": reward_id},
    )
    return found.first() is not None


def _pools(visit: Visit) -> list[tuple[int, str]]:
    """The newest rewards with codes of the merchant's own; the codes page of any other takes a file, too."""
    rows = visit.session.execute(
        text(
            "select id, name from reward where shop_id = :shop and coupon_source = 'uploaded' order by id desc limit 100"
        ),
        {"shop": visit.shop_id},
    )
    return [(row.id, row.name) for row in rows]


def _is_new(visit: Visit) -> bool:
    return not visit.session.execute(
        text(
            "select 1 where exists (select 1 from member where shop_id = :shop)"
            " or exists (select 1 from reward where shop_id = :shop)"
            " or exists (select 1 from orders where shop_id = :shop)"
        ),
        {"shop": visit.shop_id},
    ).first()
