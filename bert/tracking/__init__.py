"""Sends the log of a run to an experiment tracker. Training knows nothing of it, so no tracker can stop a run.

log.jsonl  ->  tail.py: new lines  ->  points.py: numbers not sent yet  ->  trackers.py: W&B, Trackio
                                       memory.py: what was sent, in tracking.json
"""
