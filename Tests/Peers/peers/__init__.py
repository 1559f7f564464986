"""What the tests against real clients share."""
