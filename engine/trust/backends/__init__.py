"""Where private keys may lie besides files: one module for each kind of place, loaded when it is named."""
