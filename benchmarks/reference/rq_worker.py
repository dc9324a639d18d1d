"""`python -m benchmarks.reference.rq_worker <queue>`: RQ's own SimpleWorker, the application loaded before the first job."""

import os
import sys

import redis
from rq import Queue, SimpleWorker

from benchmarks.reference import posting


def main(name: str) -> None:
    posting.app()
    connection = redis.Redis.from_url(os.environ["REDIS_URL"])
    SimpleWorker([Queue(name, connection=connection)], connection=connection).work(logging_level="WARNING")


if __name__ == "__main__":
    main(sys.argv[1])
