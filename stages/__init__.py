"""What happens to a sample on its way from raw code to a finished row: one module a stage.

A stage is an async callable, one record in, a tuple of outcomes out. It owns no queue, retry, file
or clock; the model, the sandbox and its settings are fields that it was built with.
"""
