"""Questions laid over a screen. None of them does anything by itself: they return an answer."""
