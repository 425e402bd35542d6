"""How long each page of the console, and each reading call of the API, takes on a database with a million tasks."""
