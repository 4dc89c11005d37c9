"""Training: how a network is made good on images, and exported. `recipes`, `data` and `job` do without torch."""
