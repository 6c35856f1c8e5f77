"""A target on this machine: real verifier processes, stable and canary, behind a weighted proxy.

Everybody can rehearse the whole evening with it. It implements `engine.cutover.target.DeployTarget`.
"""
