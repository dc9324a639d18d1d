"""What the program costs and brings: figures for the merchant and the accountant. Reads, and writes nothing of the ledger."""
