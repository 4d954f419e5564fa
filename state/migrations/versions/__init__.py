"""The numbered migrations, oldest first. Each is frozen once released and uses nothing of the code above it."""
