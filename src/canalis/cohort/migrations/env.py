"""Alembic's door to the store: migrations run on the connection that `canalis.cohort.store` opened."""

from alembic import context

from canalis.cohort.store_tables import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, transactional_ddl=True)
context.run_migrations()
