"""How what ships with the package was made; nothing that a user of the package runs."""
