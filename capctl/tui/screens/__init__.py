"""The screens: each lays out panels and knows nothing else."""
