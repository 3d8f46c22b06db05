"""Files: scored, validated and written."""
