"""Rollouts: plans, the state machine, the service that guards every change, and the steward. Stored through a port.

Import from the modules (`engine.rollout.service`, `engine.rollout.plan`, ...): start-up loads only what it uses.
"""
