"""The stages that turn raw code into finished rows.

A stage is an async callable that takes one record and returns a tuple of outcomes. It owns no
queue, retry, file or clock. The model, the sandbox and its settings are fields that it is built
with.
"""
