"""The ledger of several machines, in Redis.

    ledger    the connector: what is asked of Redis, and what comes back
    vendor    the connection, and Redis' errors as ours
    ledger.lua    what happens inside Redis, in one step

The Redis that it needs is any from 7.0 on.
"""

from ragstone.connectors.redis.ledger import RedisLedger

__all__ = ["RedisLedger"]
