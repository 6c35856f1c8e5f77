"""A package with a file of its own, so that no installed package called `tests` stands before it."""
