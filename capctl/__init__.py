"""The ways in: command line and control room. No domain logic lives here."""
