"""Training of networks on images, and their export. `recipes`, `data` and `job` do without torch."""
