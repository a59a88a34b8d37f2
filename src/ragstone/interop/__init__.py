"""Our faces for other frameworks: `ragstone.interop.langchain` and `ragstone.interop.llamaindex`.

Each needs its extra, and imports its framework at once: import it where it is used.
"""
