"""What may not leave in an answer: strangers' links and markup, canaries, secrets, the prompt's own words."""
