"""The doors that Shopify itself comes in by, beside its webhooks: the app's address, its installation, and the app proxy."""
