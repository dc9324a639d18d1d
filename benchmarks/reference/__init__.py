"""The other side of each ratio: the bare answer of the same server, and the plain way that the product does not take."""
