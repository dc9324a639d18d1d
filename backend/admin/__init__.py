"""The merchant's pages: set the program up, run it, help a customer, know what it costs."""
