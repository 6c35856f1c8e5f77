"""The evening: deploy, smoke, canary, load, and the plan that ties them together."""
