"""What a run leaves behind: `record` is the whole of it, the others write it for people and for machines."""
