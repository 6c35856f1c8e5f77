"""How results read as text, one module per group of commands; see `capctl.text.views.select`."""
