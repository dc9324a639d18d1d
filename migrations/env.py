"""Alembic's entry: runs the migrations on the application's own engine, under an advisory lock.

Several machines may start `lagniappe migrate` at once: the lock lets one work and the others find nothing to do.
"""

from alembic import context
from flask import current_app
from sqlalchemy import text

MIGRATION_LOCK = 7246001


def run() -> None:
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect() as connection:
        connection.execute(text("set statement_timeout = 0"))
        connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        connection.commit()
        try:
            context.configure(
                connection=connection,
                target_metadata=current_app.extensions["migrate"].db.metadata,
                transaction_per_migration=False,
            )
            with context.begin_transaction():
                context.run_migrations()
        finally:
            connection.rollback()
            connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
            connection.commit()


run()
