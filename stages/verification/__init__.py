"""generations -> verified: reads answers out of replies, and judges them."""
