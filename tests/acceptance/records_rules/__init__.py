"""The rules of electronic records, each with the test that shows it."""
