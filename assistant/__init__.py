"""An assistant's way in: the tools of a server of the Model Context Protocol, and the searches that it starts."""
