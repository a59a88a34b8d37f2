"""From a prompt file to messages: `file` reads and checks it, `builder` puts the values in."""
