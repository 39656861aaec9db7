"""The small plant: gas bag, recovery compressor, one bank, cryocooler liquefier of 15 L a day."""
