"""Write language models in the formats of other programs, and read them back with those programs."""
