"""Where: datums, geodesic distances and buffers, rasters, errors."""
