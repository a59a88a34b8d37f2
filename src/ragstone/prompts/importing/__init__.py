"""Reads the prompt files of others into ours: Prompty, dotprompt and GitHub's `.prompt.yml`.

A reader for each format (`prompty`, `dotprompt`, `github`) makes a `draft`; `conversion` tells the formats apart,
writes the draft as a file of ours and reads it back. What has no counterpart is in the report that `losses` holds.
"""
