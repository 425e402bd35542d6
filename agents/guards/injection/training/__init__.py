"""How the weights come about: texts of our own, texts that are given, and a fit of their features."""
