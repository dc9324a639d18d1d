"""Other people's programs, run as they tell to run them, for the sake of comparison. Nothing of the product needs them."""
