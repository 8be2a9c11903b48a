"""Label2label."""
