"""What the processes of several machines share, in Redis.

    cache     what was made before
    ledger    what calls cost
    vendor    the connection, and what goes wrong with it
    cache.lua, ledger.lua    what happens inside Redis, in one step

The Redis that they need is any from 7.0 on.
"""

from ragstone.connectors.redis.cache import RedisCache
from ragstone.connectors.redis.ledger import RedisLedger

__all__ = ["RedisCache", "RedisLedger"]
