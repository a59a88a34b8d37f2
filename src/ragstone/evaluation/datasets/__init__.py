"""Data sets that others have made, in their own layouts: asked with the pipelines of a project, and judged."""
