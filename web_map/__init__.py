"""How it looks: styles, legends, Folium maps."""
