"""The measurements of the detectors of injections."""
