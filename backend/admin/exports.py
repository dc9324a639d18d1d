"""The whole shop as a zip, made in the background and kept for a week."""

from flask import Response, stream_with_context

from backend.admin.door import Visit, form, page
from backend.errors import NotFound
from backend.staff.rights import Right
from backend.transfer import exports as taking_out
from backend.transfer import imports as transfers


@page("/export", right=Right.EXPORT)
def exports(visit: Visit) -> str:
    made = transfers.newest(visit.session, visit.shop_id, ("export",))
    return visit.render("exports.html", transfers=made, is_busy=any(each.state == "running" for each in made))


@form("/export", right=Right.EXPORT, again=exports)
def ask_export(visit: Visit) -> Response:
    taking_out.ask(visit.session, visit.shop_id, visit.who.name, visit.now, visit.wall)
    return visit.done("The export is being made. You can leave this page.", "exports")


@form("/export/<row_id:transfer_id>/cancel", right=Right.EXPORT, again=exports)
def cancel_export(visit: Visit, transfer_id: int) -> Response:
    taking_out.cancel(visit.session, visit.shop_id, transfer_id, visit.wall)
    return visit.done("The export is stopped.", "exports")


@page("/export/<row_id:transfer_id>/file", right=Right.EXPORT)
def export_file(visit: Visit, transfer_id: int) -> Response:
    found = transfers.find(visit.session, visit.shop_id, transfer_id)
    if found.kind != "export" or found.state != "done" or found.expires_at is None or found.expires_at <= visit.wall:
        raise NotFound("This export is not there any more: make a new one.")
    answer = Response(stream_with_context(taking_out.content(visit.shop_id, transfer_id)), mimetype="application/zip")
    answer.headers["Content-Disposition"] = f'attachment; filename="{found.file_name}"'
    answer.headers["Content-Length"] = str(found.file_bytes)
    return answer
