"""Where the stages meet: what happens, in order."""
