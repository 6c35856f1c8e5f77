"""Drift: what is counted, over which stretch of time, and what the counts prove. Pure.

Import from the modules (`engine.drift.gate`, `engine.drift.recorder`, ...): start-up loads only what it uses.
"""
