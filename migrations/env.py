"""Alembic's entry: runs the migrations on the application's own engine, then defines the functions of the ledger
and of redeeming again.

Several machines may start `lagniappe migrate` at once: an advisory lock lets one work while the others wait and then find
nothing to do.
"""

from alembic import context
from flask import current_app
from sqlalchemy import text

from backend.ledger import posting
from backend.loyalty.redemptions import redemptions

MIGRATION_LOCK = 7246001


def run() -> None:
    database = current_app.extensions["migrate"].db
    with database.engine.connect() as connection:
        connection.execute(text("set statement_timeout = 0"))
        connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        connection.commit()
        try:
            context.configure(connection=connection, target_metadata=database.metadata)
            with context.begin_transaction():
                context.run_migrations()
                posting.install(connection)
                redemptions.install(connection)
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
            connection.execute(text("reset statement_timeout"))
            connection.commit()


run()
