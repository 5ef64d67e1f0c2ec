"""The operator's commands: serve, account, token and database."""
