"""The harness of `make bench`: rows of figures, each of them measured side by side with the peers in one run."""
