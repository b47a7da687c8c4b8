"""Microsoft Teams, joined as a guest in a browser. What is proven and what is not: docs/platforms/teams.md."""
