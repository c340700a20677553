"""Renderings of a dossier: pictures, one HTML page, one PDF. `html.render_html`, `pdf.render_pdf`, `write.write_dossier`."""
