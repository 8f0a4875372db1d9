"""The hub: many users come in by SSH, and each gets their own running terminal programs."""
