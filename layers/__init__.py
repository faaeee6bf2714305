"""What: each layer's schema, ingest, store, air-quality rules, layers derived from layers."""
