"""The demo: a made-up site, its history, a simulator that goes on from there, and a check of what Prometheus sees."""
