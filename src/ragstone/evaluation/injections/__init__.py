"""Trains the two detectors of injections on labelled examples, and measures them on a part that was held out."""
