"""One behaviour, one test, behind every door; and the server that conformance suites elsewhere drive."""
