"""Importers: one small module for each format that recorded samples come in."""
