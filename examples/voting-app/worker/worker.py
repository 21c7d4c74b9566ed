"""Takes votes from the queue and puts them into the database. A vote leaves the queue only when the database has it."""
import json
import logging
import os
import signal
import sys
import time

import psycopg2
import redis

QUEUE, TAKEN = "votes", "votes:taken"
TABLE = "CREATE TABLE IF NOT EXISTS votes (voter text PRIMARY KEY, choice text NOT NULL)"
VOTE = "INSERT INTO votes VALUES (%(voter)s, %(choice)s) ON CONFLICT (voter) DO UPDATE SET choice = excluded.choice"


def connect():
    with open(os.environ.get("DB_PASSWORD_FILE", "/run/secrets/db-password"), encoding="utf-8") as file:
        password = file.read().strip()
    database = psycopg2.connect(host=os.environ.get("DB_HOST", "db"), dbname="votes", user="postgres", password=password, connect_timeout=5)
    with database, database.cursor() as cursor:
        cursor.execute(TABLE)
    return redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True), database


def work(queue, database):
    # What an earlier worker took and did not finish comes first.
    while queue.lmove(TAKEN, QUEUE, "RIGHT", "LEFT"):
        pass
    logging.info("ready")
    while True:
        text = queue.blmove(QUEUE, TAKEN, 0, "LEFT", "RIGHT")
        with database, database.cursor() as cursor:
            cursor.execute(VOTE, json.loads(text))
            cursor.execute("NOTIFY votes")
        queue.lrem(TAKEN, 1, text)


def main():
    logging.basicConfig(level=logging.INFO, format="worker: %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        try:
            work(*connect())
        except (redis.RedisError, psycopg2.Error) as error:
            logging.warning("trying again in a second: %s", str(error).strip())
            time.sleep(1)


main()
