"""The command, one module a verb. `engine.commands.main` finds them and turns errors into messages.

Each module imports no more than click, so that help is there at once. What a verb needs is imported
when it runs.
"""
