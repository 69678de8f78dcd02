"""raw -> questions -> unified -> drafts: turns a source file into programs that are yet to run."""
