"""The two systems over REST, behind the protocols of `connectors.ports`. The only home of httpx and tenacity."""
