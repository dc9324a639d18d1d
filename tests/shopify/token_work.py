"""A process of its own that wants a shop's token: `python -m tests.shopify.token_work SHOP`."""

import sys

from backend.app import create_app
from backend.shopify import tokens

if __name__ == "__main__":
    with create_app().app_context():
        sys.stdout.write(tokens.fresh(int(sys.argv[1])).token)
