"""Parameters that leave their usual course within their ranges."""
