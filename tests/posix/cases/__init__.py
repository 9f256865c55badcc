"""The cases, one file for each call or subject. Each file's cases() yields them (see lib/model.py)."""
