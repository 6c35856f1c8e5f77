"""The control room in a browser, on this machine."""
