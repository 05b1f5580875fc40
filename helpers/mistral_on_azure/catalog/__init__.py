"""The catalog: which notebooks, clients, sections, tags and parameters there are."""
