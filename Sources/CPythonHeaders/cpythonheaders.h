// Nothing: an extension module takes the headers' path from here, and links no Python, since one has loaded it.
