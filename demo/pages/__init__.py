"""The store's pages. Each file is one group of them."""
