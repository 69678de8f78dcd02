"""drafts -> parsed: inputs are drawn and run, and the pairs worth asking about pass the gate."""
