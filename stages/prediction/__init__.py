"""parsed -> messages: which pairs are asked, in which direction and words."""
