"""The page of a run: one HTML file that holds all of it, drawn without a network or a browser's help."""
