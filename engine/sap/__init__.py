"""SAP over OData V2: suppliers in, verdicts out, effectively once.

Nothing personal leaves this room: what it hands on holds keyed hashes of suppliers, and its errors, files and logs
name no supplier. The rooms above read it module by module; importing it costs nothing.
"""
