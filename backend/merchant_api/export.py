"""Everything of the shop, as a file."""

from backend.merchant_api.operations import Call, Download, operation
from backend.transfer import archive


@operation("GET", "/export", scope="write", tag="Shop", summary="Everything of the shop")
def export_shop(call: Call) -> Download:
    """A zip, sent while it is made: for each table `data/<table>.jsonl`, exact, one JSON document a line, and for most
    `csv/<table>.csv`. Its last file is `manifest.json`: the number of rows of each table, and each file's SHA-256. All of it
    is of one moment. Secrets are left out. `lagniappe shop import` brings it back in, to the same balances."""
    return Download(
        archive.stream(call.shop_id, call.now),
        "application/zip",
        f"shop-{call.shop_id}-{call.now:%Y-%m-%d-%H%M}.zip",
    )
