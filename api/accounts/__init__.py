"""Accounts: who may come in, and what each role may do."""
