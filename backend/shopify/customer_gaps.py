"""What customers at Shopify do not see of their points, for the gap report."""

from collections.abc import Iterable

from backend.loyalty.deliveries.gap_report import Finding, Looking
from backend.models import MetafieldRun


def customer_data(looking: Looking) -> Iterable[Finding]:
    """Where points and levels are to be written, and cannot be."""
    run = looking.session.get(MetafieldRun, looking.shop.id)
    if run is not None and run.error is not None:
        yield Finding("customer_data", "Points in customer accounts", run.error, None)
