"""Whether two questions mean the same, so that what was found for one may answer the other."""
