"""What operations return where no room has a type for it: frozen, with `to_json`.

A result may have a property `answer`: `yes`, `no` or `hold`. A surface makes of it what fits; the command line an exit
code (0, 3 or 4).
"""
