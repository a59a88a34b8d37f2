"""Whether RedisVL's SemanticCache works with this Redis: `python meaning.py URL` prints what came of it as JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings


def main(url: str) -> str | list[float]:
    """The seconds of 200 lookups among 1,000 questions, or why there are none."""
    from redisvl.extensions.cache.llm import SemanticCache
    from redisvl.utils.vectorize import CustomTextVectorizer

    def embed(text: str, **_: object) -> list[float]:
        first = text.split()[0]
        number = int(first) if first.isdigit() else 0  # RedisVL tries it with words of its own
        return [1.0 + (number >> place & 1) for place in range(384)]

    try:
        cache = SemanticCache(name="meaning", redis_url=url, vectorizer=CustomTextVectorizer(embed=embed))
        for number in range(1000):
            cache.store(prompt=f"{number} When does it open?", response="At six.")
        took: list[float] = []
        for number in range(200):
            begun = time.perf_counter()
            assert cache.check(prompt=f"{number * 5} When does it open?")
            took.append(time.perf_counter() - begun)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:160]}"
    return took


if __name__ == "__main__":
    logging.disable()
    warnings.showwarning = lambda *_, **__: None
    print(json.dumps(main(sys.argv[1])))
