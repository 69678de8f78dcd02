"""The prompt texts as files, and the templates that are made of them."""
