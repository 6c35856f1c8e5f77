"""What both ways in say alike: how values are read, commands spelt, and results laid out as text."""
