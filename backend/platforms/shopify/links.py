"""Pages of a shop on Shopify that others lead to."""

from urllib.parse import quote, urlencode


def discount(address: str, code: str) -> str:
    """Puts the code into the reader's cart and shows the cart. `address` is the shop's own, such as https://kiln.example."""
    return f"{address}/discount/{quote(code, safe='')}?redirect=/cart"


def switch_embed_on(domain: str, client_id: str, block: str) -> str:
    """The theme editor with that block of ours switched on, still to be saved: after an installation they are all off.

    `domain` is the shop's name, such as `kiln.myshopify.com`; `block` the file's name below `blocks/` without its ending.
    """
    query = urlencode({"context": "apps", "template": "index", "activateAppId": f"{client_id}/{block}"}, safe="/")
    return f"https://{domain}/admin/themes/current/editor?{query}"


def add_block(domain: str, client_id: str, block: str, template: str) -> str:
    """The theme editor with a block put into the main section of that template (`product`, `cart`…), still to be saved."""
    wanted = {"template": template, "addAppBlockId": f"{client_id}/{block}", "target": "mainSection"}
    return f"https://{domain}/admin/themes/current/editor?{urlencode(wanted, safe='/')}"
