"""The program's settings: versions, drafts, dry runs, and how a merchant reads them."""
