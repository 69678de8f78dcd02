"""raw -> questions -> unified -> drafts: a source file becomes one or more programs that are still
to be run."""
